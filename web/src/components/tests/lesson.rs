//! The tour.

use super::*;
use crate::components::lesson_card::LessonCard;
use crate::lessons::LESSONS;

#[wasm_bindgen_test]
async fn a_guess_comes_before_what_it_reveals_and_every_step_asks_anew() {
    let page = mounted(|| view! { <LessonCard /> }).await;
    page.store.choose(|state| state.text = "mine".to_owned());
    page.press_button("Reset this step").await;
    let reveal = test_id("reveal");
    assert!(!page.has(&reveal));
    page.press_button(LESSONS[0].guesses[1]).await;
    assert!(page.text(&reveal).contains(LESSONS[0].reveal[0]) && page.text(&reveal).contains(LESSONS[0].guesses[1]));

    page.click(&test_id("next-lesson")).await;
    assert_eq!((page.text("h2").as_str(), page.has(&reveal)), (LESSONS[1].title, false));
    assert_eq!((page.plan().as_str(), page.sentence().as_str()), (LESSONS[1].scene.plan, "mine"));
    let hidden = || page.store.state.with_untracked(|state| state.hide.iter().copied().collect::<Vec<_>>());
    let mut expected = LESSONS[1].scene.hide.to_vec();
    expected.sort_unstable();
    assert_eq!(hidden(), expected);
    page.press_button("Leave the tour").await;
    assert_eq!((hidden(), page.store.state.with_untracked(|state| state.lesson)), (vec![], None));
}
