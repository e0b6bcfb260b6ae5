//! The page: damage a model's weights in the browser, with the very code the native program uses.
//!
//! Two programs share this library. `app` draws the page and never holds weights; `worker` owns them, runs `shared`
//! on a thread of its own and answers with data of the size of the view. They talk in the typed, versioned messages
//! of [`protocol`] over the [`bridge`]. What the visitor chose is in the address ([`state`]), so a link shows another
//! reader the same numbers.

pub mod bridge;
pub mod components;
pub mod download;
pub mod failure;
pub mod fetch;
pub mod history;
pub mod lessons;
pub mod plan_edit;
pub mod protocol;
pub mod state;
pub mod store;
pub mod worker;
pub mod worker_choice;
