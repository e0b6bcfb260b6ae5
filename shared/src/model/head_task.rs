//! What the head of a checkpoint answers, as its `config.json` says.

use crate::error::CheckpointError;

/// A question that a head on an encoder answers. Only the first is this crate's; of the others the encoder can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadTask {
    /// Which one of several classes a text has: logits for a softmax.
    SingleLabel,
    /// Which of several labels a text has, each by itself: logits for sigmoids.
    MultiLabel,
    /// A number, or several.
    Regression,
    /// A class for every token.
    TokenLabels,
    /// Where in a text an answer begins and ends.
    AnswerSpan,
    /// Which of several texts is right: a score for each.
    MultipleChoice,
}

/// How the names of `transformers`' classes end, and what their head answers; none where it is no head for a text.
const CLASSES: [(&str, Option<HeadTask>); 11] = [
    ("ForSequenceClassification", Some(HeadTask::SingleLabel)),
    // Common in code of people's own, which transformers had no class for before `problem_type`.
    ("ForMultiLabelSequenceClassification", Some(HeadTask::MultiLabel)),
    ("ForTokenClassification", Some(HeadTask::TokenLabels)),
    ("ForQuestionAnswering", Some(HeadTask::AnswerSpan)),
    ("ForMultipleChoice", Some(HeadTask::MultipleChoice)),
    ("ForMaskedLM", None),
    ("ForPreTraining", None),
    ("ForNextSentencePrediction", None),
    ("LMHeadModel", None),
    ("LMModel", None),
    ("Model", None),
];

/// What `architectures` says of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    /// A head for this.
    Task(HeadTask),
    /// No head that reads a text.
    NoHead,
    /// A class that is not one of `transformers`'.
    Unknown,
}

impl HeadTask {
    /// What a class of `transformers` answers.
    pub(super) fn of_class(class: &str) -> Declared {
        match CLASSES.iter().find(|(ending, _)| class.ends_with(ending)) {
            Some((_, Some(task))) => Declared::Task(*task),
            Some((_, None)) => Declared::NoHead,
            None => Declared::Unknown,
        }
    }

    /// What `problem_type` makes of a classifier of texts with so many outputs, as `transformers` 5.24 has it: a single
    /// output without a `problem_type` is a number.
    ///
    /// # Errors
    /// When it is none of the three that `transformers` knows, or says that one output is one of several classes.
    pub(super) fn of_problem(problem_type: Option<&str>, n_labels: usize) -> Result<Self, CheckpointError> {
        match problem_type {
            Some("multi_label_classification") => Ok(Self::MultiLabel),
            Some("regression") => Ok(Self::Regression),
            Some("single_label_classification") if n_labels == 1 => Err(CheckpointError::Config(
                "config.json: problem_type is \"single_label_classification\" beside one label, which is no choice: \
                 write \"regression\", \"multi_label_classification\" or two labels"
                    .into(),
            )),
            Some("single_label_classification") => Ok(Self::SingleLabel),
            Some(other) => Err(CheckpointError::Config(format!(
                "config.json: problem_type is \"{other}\", expected \"single_label_classification\", \
                 \"multi_label_classification\" or \"regression\""
            ))),
            None if n_labels == 1 => Ok(Self::Regression),
            None => Ok(Self::SingleLabel),
        }
    }

    /// What a model with such a head is, for messages.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::SingleLabel => "a classifier of texts",
            Self::MultiLabel => "a multi-label classifier, which judges each label by itself (a sigmoid each)",
            Self::Regression => "a regression, which answers with a number",
            Self::TokenLabels => "a token classifier, which gives every token a class",
            Self::AnswerSpan => "a question answerer, which marks a part of a text",
            Self::MultipleChoice => "a multiple-choice model, which scores several texts against each other",
        }
    }

    /// Whether its layers are those of a classifier of texts, the pooler and the classifier, so that its weights can be
    /// handled as they are.
    #[must_use]
    pub fn has_layers_of_a_classifier(self) -> bool {
        !matches!(self, Self::TokenLabels | Self::AnswerSpan)
    }
}
