//! The stack machine of pickles, step by step, with an eye on its size.

use anyhow::{anyhow, bail, ensure};
use candle_core::pickle::{Object, Stack};

/// The most bytes of the pickle itself, which has names and shapes but no numbers.
pub(super) const MAX_PICKLE_BYTES: u64 = 64 << 20;

/// The most objects (and 16 bytes of strings) that may be looked at on the way: BERT-Large takes about 50,000.
const MAX_OBJECTS: usize = 2_000_000;

/// How deep objects may lie in each other; those of a tensor reach 6.
pub(super) const MAX_DEPTH: usize = 32;

/// Runs the pickle at the beginning of `program` on candle's machine and leaves what is behind it.
pub(super) fn unpickle(program: &mut &[u8]) -> anyhow::Result<Object> {
    let mut stack = Stack::empty();
    let mut n_left = MAX_OBJECTS;
    loop {
        // The machine makes room for a string before it knows that the string is there.
        if let [b'X', l0, l1, l2, l3, rest @ ..] = *program {
            let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
            ensure!(length <= rest.len(), "a string in its pickle breaks off");
        }
        if stack.read(program).map_err(|error| anyhow!("its pickle: {}", shortened(&error.to_string())))? {
            let object = stack.finalize().map_err(|error| anyhow!("its pickle: {error}"))?;
            return Ok(object);
        }
        // A step changes or copies the top only.
        if let Some(top) = stack.stack().last() {
            measure(top, MAX_DEPTH, &mut n_left)?;
        }
    }
}

/// Counts an object and all in it down from what is left.
fn measure(object: &Object, depth: usize, n_left: &mut usize) -> anyhow::Result<()> {
    let size = match object {
        Object::Unicode(text) => 1 + text.len() / 16,
        Object::Class { module_name, class_name } => 1 + (module_name.len() + class_name.len()) / 16,
        _ => 1,
    };
    let Some(depth) = depth.checked_sub(1) else {
        bail!("objects in its pickle are nested without end");
    };
    match n_left.checked_sub(size) {
        Some(rest) => *n_left = rest,
        None => bail!("its pickle is larger than that of any model"),
    }
    match object {
        Object::Tuple(objects) | Object::List(objects) => {
            objects.iter().try_for_each(|object| measure(object, depth, n_left))
        }
        Object::Dict(entries) => entries
            .iter()
            .try_for_each(|(key, value)| measure(key, depth, n_left).and_then(|()| measure(value, depth, n_left))),
        Object::Reduce { callable, args } | Object::Build { callable, args } => {
            measure(callable, depth, n_left)?;
            measure(args, depth, n_left)
        }
        Object::PersistentLoad(object) => measure(object, depth, n_left),
        _ => Ok(()),
    }
}

/// candle's errors quote the whole object that was wrong.
pub(super) fn shortened(message: &str) -> String {
    const MAX_CHARS: usize = 120;
    let first_line = message.lines().next().unwrap_or_default();
    match first_line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &first_line[..end]),
        None => first_line.to_owned(),
    }
}
