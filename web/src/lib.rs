//! The page: damage a model's weights in the browser, with the very code the native program uses.
//!
//! Two programs share this library. `app` draws the page and never holds weights; `worker` owns them, runs `shared`
//! on a thread of its own and answers with data of the size of the view. They talk in the typed, versioned messages
//! of [`protocol`] over the [`bridge`]. What the visitor chose is in the address ([`state`]), so a link shows another
//! reader the same numbers.
//!
//! The modules in an order in which they can be read: each uses only those above it, and within a folder it is the same.
//!
//! What both sides know
//! - [`failure`]: what can go wrong, a sentence each
//! - [`fetch`]: files beside the page, and files of the visitor
//! - [`protocol`]: the messages between the page and its worker
//! - [`bridge`]: the line that they travel on, and its two ends
//!
//! The page
//! - [`download`]: files that the page hands to its visitor
//! - [`state`]: what the visitor chose, and the address that says so
//! - [`history`]: the sentences that were tried
//! - [`runs`]: the healings of the page as runs
//! - [`import`]: sentences from a file, which join them
//! - [`lessons`]: the guided tour
//! - [`plan_edit`]: a plan as something that can be clicked
//! - [`build`]: which build of the page this is
//! - [`worker_choice`]: which of the two workers this browser can run
//! - [`store`]: everything the page knows, and what it asks of the worker
//! - [`translation`]: what a browser's translation does to the page's words
//! - [`components`]: the page's parts, from the whole down to one picture
//!
//! The worker
//! - [`worker`]: what the worker computes

pub mod bridge;
pub mod build;
pub mod components;
pub mod download;
pub mod failure;
pub mod fetch;
pub mod history;
pub mod import;
pub mod lessons;
pub mod plan_edit;
pub mod protocol;
pub mod runs;
pub mod state;
pub mod store;
pub mod translation;
pub mod worker;
pub mod worker_choice;
