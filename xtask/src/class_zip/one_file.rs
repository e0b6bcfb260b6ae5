//! The page as one document that opens by a double click, with the first of its models.
//!
//! A browser runs scripts and programs of a page only if they come from a server, or stand in the document. So all that
//! `index.html` names, and the files of one model, are put into it, packed and in base64; `one_file.js` gives them to the
//! page and its workers. The document may reach nothing but itself: its Content-Security-Policy allows no host at all.

use crate::files::files;
use anyhow::{Context as _, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// Its name in the zip.
pub const NAME: &str = "bert-heal.html";

const STARTER: &str = include_str!("one_file.js");

/// Scripts stand in the document, programs and workers have addresses that the page itself makes.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline' blob: 'wasm-unsafe-eval'; worker-src blob:; \
                      connect-src blob: data:; style-src 'unsafe-inline'; img-src blob:; base-uri 'none'; form-action 'none'";

/// What lists the models.
const INDEX: &str = "bundles/index.json";

/// The document, made of the built page in `dist`.
///
/// # Errors
/// When the page is not as Trunk and `finish-page` leave it, or a file cannot be read.
pub fn of(dist: &Path) -> Result<String> {
    let page = read_text(dist, "index.html")?;
    let (head, body) = page.split_once("</head>").context("index.html: expected </head>")?;
    let start = tag_with(head, "id=\"start\"")?;
    let body = body.trim_end().strip_suffix("</html>").and_then(|body| body.trim_end().strip_suffix("</body>"));
    let body = body.context("index.html: expected </body> and </html> at its end")?;
    let parts = [
        head_of(dist, head)?,
        told(start)?,
        format!("</head>{body}"),
        programs(dist, start)?,
        embedded("results.jsonl", &read(dist, "results.jsonl")?)?,
        first_bundle(dist)?,
        format!("<script>\n{STARTER}</script>\n</body>\n</html>\n"),
    ];
    Ok(parts.concat())
}

/// The head with its style sheets in it, a policy of its own, and without what it links to.
fn head_of(dist: &Path, head: &str) -> Result<String> {
    let line_of = |line: &str| {
        Ok(if line.contains("http-equiv=\"Content-Security-Policy\"") {
            format!("  <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n")
        } else if line.contains("rel=\"stylesheet\"") {
            format!("  <style>\n{}</style>\n", read_text(dist, attribute(line, "href")?)?)
        } else if line.contains("<link ") || line.contains("id=\"start\"") {
            String::new()
        } else {
            format!("{line}\n")
        })
    };
    head.lines().map(line_of).collect()
}

/// What the document says of its build, in an element that runs nothing.
fn told(start: &str) -> Result<String> {
    // Files of a server are kept under the build's name; here there are none to keep.
    let values = ["js", "wasm", "worker", "worker-relaxed"]
        .map(|name| attribute(start, &format!("data-{name}")).map(|value| format!(" data-{name}=\"{value}\"")));
    let values = values.into_iter().collect::<Result<String>>()?;
    let script = attribute(start, "src")?;
    Ok(format!(
        "  <script type=\"text/plain\" id=\"start\" data-start=\"{script}\"{values} data-build=\"unnamed\"></script>\n"
    ))
}

/// The page's programs and those of both workers.
fn programs(dist: &Path, start: &str) -> Result<String> {
    let names = ["src", "data-js", "data-wasm"];
    let mut addresses =
        names.map(|name| attribute(start, name).map(str::to_owned)).into_iter().collect::<Result<Vec<_>>>()?;
    for worker in ["data-worker", "data-worker-relaxed"] {
        let stem = attribute(start, worker)?.strip_suffix("_loader.js").context("a worker has a loader")?;
        addresses.extend([".js", "_bg.wasm"].map(|ending| format!("{stem}{ending}")));
    }
    addresses.iter().map(|address| embedded(name_of(address), &read(dist, address)?)).collect()
}

/// The list of models cut down to the first one, and all files of that.
fn first_bundle(dist: &Path) -> Result<String> {
    let mut index: Value = serde_json::from_str(&read_text(dist, INDEX)?).context(INDEX)?;
    let Some(bundles) = index["bundles"].as_array_mut().filter(|bundles| !bundles.is_empty()) else {
        bail!("{INDEX}: expected \"bundles\" with one at least");
    };
    bundles.truncate(1);
    let name = bundles[0]["name"].as_str().with_context(|| format!("{INDEX}: a bundle has a name"))?.to_owned();
    let files = files(&dist.join("bundles").join(&name))?;
    let of_bundle = files.iter().map(|path| {
        let file = path.file_name().context("a file has a name")?.to_string_lossy();
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        embedded(&format!("bundles/{name}/{file}"), &bytes)
    });
    [embedded(INDEX, index.to_string().as_bytes())].into_iter().chain(of_bundle).collect()
}

/// A file as an element of the document, which `one_file.js` reads.
fn embedded(name: &str, bytes: &[u8]) -> Result<String> {
    let (mut packed, attribute) = (bytes.to_vec(), if is_dense(name) { "" } else { " data-packed=\"gzip\"" });
    if !is_dense(name) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes)?;
        packed = encoder.finish()?;
    }
    let type_of = match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        Some("json" | "jsonl") => "application/json",
        Some("txt") => "text/plain",
        _ => "application/octet-stream",
    };
    Ok(format!(
        "<script type=\"text/plain\" data-file=\"{name}\" data-type=\"{type_of}\"{attribute}>{}</script>\n",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, packed)
    ))
}

/// Weights are bits without a pattern: packing them saves nothing.
fn is_dense(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "bin")
}

fn tag_with<'a>(text: &'a str, words: &str) -> Result<&'a str> {
    let found = text.split('<').find(|tag| tag.contains(words));
    found.with_context(|| format!("index.html: expected an element with {words}"))
}

/// The value of an attribute in a tag that a program wrote: always quoted, without escapes.
fn attribute<'a>(tag: &'a str, name: &str) -> Result<&'a str> {
    let value = tag.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
    value.map(|(value, _)| value).with_context(|| format!("index.html: expected {name}=\"…\" in {tag}"))
}

fn name_of(address: &str) -> &str {
    address.trim_start_matches("./")
}

fn read(dist: &Path, address: &str) -> Result<Vec<u8>> {
    let path = dist.join(name_of(address));
    fs::read(&path).with_context(|| path.display().to_string())
}

fn read_text(dist: &Path, address: &str) -> Result<String> {
    String::from_utf8(read(dist, address)?).with_context(|| format!("{address} is no text"))
}
