//! A guided tour: short steps that set the page's state and ask for a guess before they reveal.
//!
//! A lesson asks for something that the page itself then shows. It holds no results: what is revealed is what was just
//! computed or recorded, with where to look for it.

use crate::state::{Given, Healing, N_LESSONS, Panel, State, Trained, View};
use shared::random::Seed;

/// One step of the tour.
#[derive(Debug)]
pub struct Lesson {
    /// A few words.
    pub title: &'static str,
    /// What it is about, one paragraph each.
    pub story: &'static [&'static str],
    /// What to guess.
    pub question: &'static str,
    /// The guesses to choose from.
    pub guesses: &'static [&'static str],
    /// Where to look for the answer, and what to make of it.
    pub reveal: &'static [&'static str],
    /// What the page is set to.
    pub scene: Scene,
}

/// The part of the page's state that a lesson sets; what the visitor chose otherwise stays.
#[derive(Debug)]
pub struct Scene {
    /// The plan; for a model of any depth.
    pub plan: &'static str,
    /// The seed.
    pub seed: u64,
    /// The view.
    pub view: View,
    /// Controls that would distract.
    pub hide: &'static [Panel],
    /// Whether it needs the exact controls.
    pub more: bool,
    /// The sentence, where it matters.
    pub text: Option<&'static str>,
}

impl Lesson {
    /// The state that the lesson starts from.
    #[must_use]
    pub fn state(&self, number: usize, before: &State) -> State {
        let Scene { plan, seed, view, hide, more, text } = &self.scene;
        State {
            plan: (*plan).to_owned(),
            seed: Seed(*seed),
            view: *view,
            hide: hide.iter().copied().collect(),
            more: *more,
            text: text.map_or_else(|| before.text.clone(), str::to_owned),
            lesson: Some(number),
            healing: Healing { trained: Trained::Damaged, ..Healing::default() },
            ..before.clone()
        }
    }
}

/// Reads an address as [`State::from_hash`] does. One that names no plan is a whole model, but for a lesson: one that names a
/// lesson and no plan, as a teacher types it, is that lesson as it begins, but for what the address says itself; the page always writes the plan as well.
#[must_use]
pub fn state_of_address(hash: &str) -> (State, Vec<String>) {
    let (told, refusals) = State::from_hash(hash);
    let given = Given::by_hash(hash);
    let Some(number) = told.lesson.filter(|_| !given.has("plan")) else { return (told, refusals) };
    let scene = LESSONS[number - 1].state(number, &told);
    let state = State {
        seed: if given.has("seed") { told.seed } else { scene.seed },
        text: if given.has("text") { told.text } else { scene.text },
        view: if given.has("view") { told.view } else { scene.view },
        hide: if given.has("hide") { told.hide } else { scene.hide },
        more: if given.has("more") { told.more } else { scene.more },
        healing: told.healing,
        ..scene
    };
    (state, refusals)
}

/// The tour.
pub const LESSONS: [Lesson; N_LESSONS] = [
    Lesson {
        title: "What is a layer?",
        story: &[
            "A sentence enters at the bottom as word pieces, each a list of numbers. Every layer lets each piece look at \
             the others (attention) and then thinks it over (feed-forward). At the top a classifier reads the first \
             piece and names a class.",
            "Nothing is damaged yet. Click a layer in the drawing, watch what happens, and click it again to undo the damage.",
        ],
        question: "How many of this model's parameters sit in its encoder layers, rather than in the table of word pieces?",
        guesses: &["Less than half", "About half", "Nearly all"],
        reveal: &[
            "Point at a part of the drawing: it says how many values it has. In a small BERT the table of word pieces \
             is the largest part by far, because it has a row for each of about 30,000 pieces.",
            "Still, what the model knows about putting words together is in the layers, as the next steps show.",
        ],
        scene: Scene {
            plan: "kaiming@none",
            seed: 1,
            view: View::Operate,
            hide: &[Panel::Plan, Panel::Seed, Panel::Scheme, Panel::Healing, Panel::Healed],
            more: false,
            text: None,
        },
    },
    Lesson {
        title: "One layer fewer",
        story: &[
            "Now the lowest layer is re-initialised at random: it keeps its place, but what it had learned is gone. This is \
             what the paper calls corruption.",
            "Compare the columns. Try a few sentences, including difficult ones.",
        ],
        question: "How many held-out sentences will the damaged model still get right?",
        guesses: &["Nearly all: other layers make up for it", "Some", "About as many as by guessing"],
        reveal: &[
            "Open “Measure” and evaluate: the dashed line is what always answering with the most frequent class would score.",
            "A damaged model is often not unsure but confidently wrong: look at the confidence in its column.",
        ],
        scene: Scene {
            plan: "kaiming@bottom:1L",
            seed: 1,
            view: View::Operate,
            hide: &[Panel::Scheme, Panel::Healing, Panel::Healed],
            more: false,
            text: None,
        },
    },
    Lesson {
        title: "Where does the signal die?",
        story: &[
            "Inside, each layer hands a list of numbers for each word piece to the next. “Drift” compares these lists \
             with the healthy model's: 1 means unmoved.",
        ],
        question: "The lowest layer is damaged, those above are intact. What happens on the way up?",
        guesses: &["Intact layers repair it", "The drift stays as it is", "It grows with every layer"],
        reveal: &[
            "Follow the curve from the embeddings (untouched, so 1) to the top. Intact layers expect what the healthy \
             layer below gave them; on anything else they do what they can.",
            "Then look at the attention of a head in the layer above the damage: healthy against corrupted.",
        ],
        scene: Scene {
            plan: "kaiming@bottom:1L",
            seed: 1,
            view: View::Inside,
            hide: &[Panel::Scheme, Panel::Healing],
            more: false,
            text: None,
        },
    },
    Lesson {
        title: "Heal it",
        story: &[
            "Fine-tuning shows the damaged model labelled sentences and nudges its weights after every few of them. The \
             page does it here, on your machine, with sentences that the evaluation never uses.",
            "Choose a sentence first: its answer is asked again every ten steps. Then press “Heal it here” in the column of the healed \
             model.",
        ],
        question: "Will a minute of this bring the held-out accuracy back?",
        guesses: &["Not at all", "Partly", "Completely"],
        reveal: &[
            "The curve of the accuracy on held-out sentences, under “More”, tells you. Slide the time-lapse back and forth: each snapshot is a real model.",
            "Whether it came back completely is a statement about many seeds: see the last lesson.",
        ],
        scene: Scene {
            plan: "kaiming@bottom:0.67",
            seed: 1,
            view: View::Operate,
            hide: &[Panel::Scheme],
            more: true,
            text: None,
        },
    },
    Lesson {
        title: "Top or bottom?",
        story: &[
            "The same share of layers can be damaged next to the input (bottom) or next to the answer (top). The paper's \
             third claim is that one of the two heals worse.",
            "Here the top is damaged. Heal it, note the accuracy, then set the other slider, under “More”, and heal again.",
        ],
        question: "Which damage leaves more behind after the same healing?",
        guesses: &["At the bottom", "At the top", "No difference"],
        reveal: &[
            "Compare your two healings, then open “Evidence”, where recorded runs are compared pair by pair.",
            "Upper layers are closest to the task and are relearned quickly; lower ones carry what reading requires, \
             and a few thousand sentences do not teach that again. Whether your own two runs agree is for you to see.",
        ],
        scene: Scene {
            plan: "kaiming@top:0.67",
            seed: 1,
            view: View::Operate,
            hide: &[Panel::Scheme],
            more: true,
            text: None,
        },
    },
    Lesson {
        title: "Back to the same weights?",
        story: &[
            "A healed model may answer like the healthy one. Does it do so with the same weights, or has it found \
             another way?",
            "Heal, then choose a damaged tensor and compare the healed model with the healthy one.",
        ],
        question: "What will the difference between healed and healthy weights look like?",
        guesses: &["Nearly zero everywhere", "As large as the weights themselves", "Zero where it matters"],
        reveal: &[
            "Look at the heat map of the difference and at its histogram: healing moves weights only a little from where \
             the damage left them. Equal answers do not need equal weights.",
        ],
        scene: Scene {
            plan: "kaiming@bottom:1L",
            seed: 1,
            view: View::Inside,
            hide: &[Panel::Scheme, Panel::Sliders],
            more: false,
            text: None,
        },
    },
    Lesson {
        title: "One bit",
        story: &[
            "A memory fault flips a bit. Here one bit in a thousand of the exponents flips, which multiplies a weight by \
             a power of two, up to values that are no longer numbers.",
        ],
        question: "What does that do to the answers?",
        guesses: &["Hardly anything", "They become less certain", "There is no answer at all"],
        reveal: &[
            "Watch for the warning about numbers that are not finite. Then replace “exponent” by “mantissa” or “sign” in \
             the plan, under “More”: the same number of flipped bits, and a very different outcome.",
        ],
        scene: Scene {
            plan: "bitflip:0.001,exponent@all",
            seed: 1,
            view: View::Operate,
            hide: &[Panel::Healing, Panel::Healed],
            more: true,
            text: None,
        },
    },
    Lesson {
        title: "Can you trust one seed?",
        story: &[
            "All of this was one roll of the dice: the seed decides which random numbers replace the weights. Roll it a \
             few times, by “Break it again”, and evaluate again.",
        ],
        question: "How far will the damaged model's accuracy move from seed to seed?",
        guesses: &["Less than a point", "A few points", "More than ten points"],
        reveal: &[
            "That spread is why a claim here needs at least six seeds, and why the evidence says “undecided” below that. \
             With five pairs even a perfect result could be chance: an exact sign-flip test cannot go below 1 in 16.",
        ],
        scene: Scene {
            plan: "kaiming@bottom:0.67",
            seed: 2,
            view: View::Operate,
            hide: &[Panel::Scheme],
            more: true,
            text: None,
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use shared::corruption::{Anatomy, Plan};
    use shared::model::Architecture;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    fn every_lesson_sets_a_plan_that_any_model_understands_and_leaves_a_way_on() {
        for (i, lesson) in LESSONS.iter().enumerate() {
            for n_layers in [2, 3, 6, 12] {
                let anatomy = Anatomy { architecture: Architecture::Bert, n_layers, n_heads: 4 };
                let plan = Plan::parse(lesson.scene.plan).unwrap();
                assert!(plan.validate(anatomy).is_ok(), "{}", lesson.title);
            }
            assert!(lesson.guesses.len() >= 2 && !lesson.scene.hide.contains(&Panel::Lessons), "{}", lesson.title);
            let state = lesson.state(i + 1, &State::default());
            assert_eq!(State::from_hash(&state.to_hash()), (state, vec![]), "{}", lesson.title);
        }
    }

    #[wasm_bindgen_test]
    fn an_address_with_a_lesson_alone_is_that_lesson_as_it_begins() {
        for (i, lesson) in LESSONS.iter().enumerate() {
            let (state, refusals) = state_of_address(&format!("#lesson={}", i + 1));
            assert_eq!((state, refusals), (lesson.state(i + 1, &State::default()), vec![]), "{}", lesson.title);
        }
    }

    #[wasm_bindgen_test]
    fn what_an_address_says_beside_a_lesson_goes_before_it() {
        let (state, _) = state_of_address("#lesson=2&seed=9&text=mine&view=measure&hide=&steps=7");
        let scene = &LESSONS[1].scene;
        assert_eq!((state.plan.as_str(), state.seed, state.text.as_str()), (scene.plan, Seed(9), "mine"));
        assert_eq!((state.view, state.hide.len(), state.healing.steps), (View::Measure, 0, 7));
        // A teacher opens or closes what the lesson leaves closed or opens.
        let has_more = |hash| state_of_address(hash).0.more;
        assert_eq!(
            ["#lesson=2", "#lesson=2&more=1", "#lesson=4", "#lesson=4&more=0"].map(has_more),
            [false, true, true, false]
        );
        // What the page itself writes in a lesson is read as it is.
        let left = State { view: View::Model, hide: [].into(), ..LESSONS[2].state(3, &State::default()) };
        assert_eq!(state_of_address(&left.to_hash()), (left, vec![]));
        // A view that is the default is not written, and the lesson's does not come back for it.
        let back = State { view: View::Operate, ..LESSONS[2].state(3, &State::default()) };
        assert_eq!(state_of_address(&back.to_hash()), (back, vec![]));
    }

    #[wasm_bindgen_test]
    fn a_lesson_keeps_what_it_is_not_about() {
        let mine = State { text: "My own.".into(), bundle: "other".into(), ..State::default() };
        let state = LESSONS[0].state(1, &mine);
        assert_eq!((state.text.as_str(), state.bundle.as_str()), ("My own.", "other"));
    }
}
