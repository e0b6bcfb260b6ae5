//! The page's program: draws into the document that Trunk built from `index.html`.

use leptos::prelude::*;

fn main() {
    console_error_panic_hook::set_once();
    mount_to_body(|| view! { <web::components::App /> });
}
