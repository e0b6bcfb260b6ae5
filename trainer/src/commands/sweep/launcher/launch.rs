//! What a scheduler is to launch: arrays of tasks.

use std::path::PathBuf;

use super::super::cell::Stage;

/// What is to be launched, whoever does it.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// A comment about it, in one line.
    pub(super) title: String,
    /// Its name as schedulers take it: small letters, digits and hyphens.
    pub(super) label: String,
    pub(super) sweep: PathBuf,
    pub(super) working_directory: PathBuf,
    /// This program.
    pub(super) program: PathBuf,
    pub(super) n_cpus: usize,
    /// For each task.
    pub(super) memory_mib: Option<u64>,
    pub(super) needs_gpu: bool,
    pub(super) arrays: Vec<Array>,
}

/// Tasks of one stage that are launched together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Array {
    pub(super) stage: Stage,
    /// The number of the first task that it could have.
    pub(super) offset: usize,
    /// How many it could have.
    pub(super) len: usize,
    /// Those that it has, counted from `offset`, in order.
    pub(super) indexes: Vec<usize>,
}

/// Splits the tasks that are left of a stage of `n`.
pub(super) fn arrays(stage: Stage, n: usize, left: &[usize], size: usize) -> Vec<Array> {
    left.chunk_by(|a, b| a / size == b / size)
        .map(|numbers| {
            let offset = numbers[0] / size * size;
            let indexes = numbers.iter().map(|number| number - offset).collect();
            Array { stage, offset, len: size.min(n - offset), indexes }
        })
        .collect()
}

impl Array {
    /// Its indexes as schedulers take them: `0-3,7`.
    pub(super) fn ranges(&self) -> String {
        let runs = self.indexes.chunk_by(|a, b| a + 1 == *b);
        let range = |run: &[usize]| match run {
            [index] => index.to_string(),
            [first, .., last] => format!("{first}-{last}"),
            [] => String::new(),
        };
        runs.map(range).collect::<Vec<_>>().join(",")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Twelve tasks, of which those that are left do not fill their arrays.
    pub fn launch() -> Launch {
        let mut all = arrays(Stage::Healthy, 2, &[0, 1], 5);
        all.extend(arrays(Stage::Cells, 12, &[0, 1, 2, 4, 11], 5));
        Launch {
            title: "levels, 2 of 2 healthy left".to_owned(),
            label: "levels-0a1b2c".to_owned(),
            sweep: PathBuf::from("/shared/it's 100 %/levels"),
            working_directory: PathBuf::from("/shared/it's 100 %"),
            program: PathBuf::from("/opt/bert-heal"),
            n_cpus: 4,
            memory_mib: Some(512),
            needs_gpu: true,
            arrays: all,
        }
    }

    #[test]
    fn the_tasks_that_are_left_are_split_and_keep_their_numbers() {
        let some = arrays(Stage::Cells, 12, &[0, 1, 2, 4, 11], 5);
        let split: Vec<_> = some.iter().map(|array| (array.offset, array.len, array.ranges())).collect();
        assert_eq!(split, [(0, 5, "0-2,4".to_owned()), (10, 2, "1".to_owned())]);
        assert_eq!(arrays(Stage::Cells, 12, &[], 5), []);
    }
}
