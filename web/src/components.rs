//! The page's parts, from the whole down to one picture. Each reads the [`store`](crate::store) that the root provides.

#![expect(clippy::needless_pass_by_value, reason = "a component owns its properties")]
#![expect(clippy::large_types_passed_by_value, reason = "the store is a handle: copies of it are the same store")]

mod app;
mod attention;
mod attribution;
mod bit_picker;
mod blame_panel;
mod control;
mod copy_link;
mod damage_panel;
mod damage_report;
mod dialogue;
mod drift;
mod editor;
mod evaluation;
mod evidence_view;
mod figure_card;
mod files;
mod heal_charts;
mod heal_panel;
mod heat_map;
mod history_panel;
mod lead;
mod lesson_card;
mod long_measure;
mod main_line;
mod measure_view;
mod model_card;
mod model_status;
mod model_view;
mod more;
mod network;
mod network_part;
mod plain_words;
mod plan_field;
mod runs_panel;
mod scheme_choice;
mod scrolling_table;
mod sentence;
mod sign;
mod sliders;
mod surgery_view;
mod tensor_view;
#[cfg(test)]
mod tests;
mod time_lapse;
mod top_bar;
mod transplant_panel;
mod weights_back;

pub use app::App;
