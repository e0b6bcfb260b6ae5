//! `bert-heal export`.

use super::input::{ColumnFlags, RowFlags, WhichFlag};
use super::values;
use clap::{Args, ValueEnum};
use shared::bundle::{BitMix, Encoding, MAX_BITS, MIN_BITS};
use std::path::PathBuf;
use std::str::FromStr;

const EXAMPLES: &str = "\
Examples:
  bert-heal export --model runs/3f2a91c07b5e --which healed --for hub --out healed-trec6/
  bert-heal export --model runs/3f2a91c07b5e --for web --dataset trec6 --sentences mine.txt --out trec6-l6/
  bert-heal export --model runs/3f2a91c07b5e --for web --which healthy --bits 8 --out healthy-l6/

For the page, a run of protocol finetuned becomes a bundle: the healthy model in few bits, what healing changed
in the corrupted one, the tokenizer, and a manifest with what that costs in accuracy on the run's held-out rows.
--model opens a bundle, too. To heal on rows of their own, heal the bundle and put the result into it:
  bert-heal export --model RUN --which healthy --for web --out healthy/
  bert-heal run --model healthy/ --dataset D --corrupt kaiming@bottom:0.67 --freeze embeddings,top:1L --out healing/
  bert-heal export --model healthy/ --healed healing/ --for web --out bundle/
What is frozen while healing costs nothing in the bundle.";

/// Write a model for use elsewhere
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    /// A run's folder, a checkpoint or a web bundle
    #[arg(long, value_name = "RUN_OR_DIR", help_heading = "Model and data")]
    pub model: PathBuf,

    #[command(flatten)]
    pub which: WhichFlag,

    /// Who is to read it
    #[arg(long = "for", value_enum, help_heading = "Output")]
    pub target: ExportTarget,

    /// Folder to write; must not exist or be empty
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub out: PathBuf,

    #[command(flatten)]
    pub web: WebFlags,
}

/// What only a bundle for the page has.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "For the page")]
pub struct WebFlags {
    /// Bits of a weight (2 to 8, 16 or 32): one number, or embeddings=N,attention=N,ffn=N,other=N
    #[arg(long, value_name = "BITS", default_value = "embeddings=4,attention=6,ffn=5,other=8")]
    pub bits: Bits,

    /// The same for what healing changed
    #[arg(long, value_name = "BITS", default_value = "4")]
    pub healed_bits: Bits,

    /// Weights that share a scale of 16 bits: a multiple of 8
    #[arg(long, value_name = "N", default_value = "64", value_parser = values::count)]
    pub block: usize,

    /// A run that healed the bundle given by --model
    #[arg(long, value_name = "RUN")]
    pub healed: Option<PathBuf>,

    /// The dataset of the run, for the hashes of the rows it learnt from
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<String>,

    /// The configuration of that dataset that the run had
    #[arg(long, value_name = "CONFIG", requires = "dataset")]
    pub config: Option<String>,

    #[command(flatten)]
    pub columns: ColumnFlags,

    #[command(flatten)]
    pub rows: RowFlags,

    /// Sentences, one a line, for which the page shows results before the weights arrive
    #[arg(long, value_name = "FILE", help_heading = "For the page")]
    pub sentences: Option<PathBuf>,

    /// What to call it [default: model and dataset of the run]
    #[arg(long, value_name = "TEXT", help_heading = "For the page")]
    pub title: Option<String>,

    /// What the weights derive from [default: the run's model, as the catalogue has it]
    #[arg(long, value_name = "NAME", help_heading = "For the page")]
    pub base_model: Option<String>,

    /// Its licence, an SPDX identifier [default: the catalogue's, else unknown]
    #[arg(long, value_name = "LICENCE", help_heading = "For the page")]
    pub licence: Option<String>,

    /// A file that goes with the weights because this licence asks for it, such as its own text
    #[arg(long, value_name = "FILE", help_heading = "For the page")]
    pub notice: Option<PathBuf>,

    /// Also list it in index.json beside its folder
    #[arg(long, help_heading = "For the page")]
    pub index: bool,
}

/// Who is to read an exported model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportTarget {
    /// transformers, and everything else that reads Hugging Face's layout
    Hub,
    /// The page: a web bundle
    Web,
}

/// Bits of a weight by part of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    embeddings: u32,
    attention: u32,
    ffn: u32,
    other: u32,
}

impl Bits {
    /// The encodings, with blocks of so many weights.
    #[must_use]
    pub fn mix(self, block: usize) -> BitMix {
        let encoding = |bits| match bits {
            16 => Encoding::F16,
            32 => Encoding::F32,
            bits => Encoding::Blocks { bits, block },
        };
        BitMix {
            embeddings: encoding(self.embeddings),
            attention: encoding(self.attention),
            ffn: encoding(self.ffn),
            other: encoding(self.other),
        }
    }
}

impl FromStr for Bits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bits = |text: &str| {
            let is_known = |bits: &u32| (MIN_BITS..=MAX_BITS).contains(bits) || [16, 32].contains(bits);
            let expected = || format!("expected {MIN_BITS} to {MAX_BITS}, 16 or 32 bits, got {text:?}");
            text.trim().parse().ok().filter(is_known).ok_or_else(expected)
        };
        if !text.contains('=') {
            let bits = bits(text)?;
            return Ok(Self { embeddings: bits, attention: bits, ffn: bits, other: bits });
        }
        let (mut embeddings, mut attention, mut ffn, mut other) = (None, None, None, None);
        for part in text.split(',') {
            let (name, n) = part.split_once('=').ok_or_else(|| format!("expected PART=BITS, got {part:?}"))?;
            let place = match name.trim() {
                "embeddings" => &mut embeddings,
                "attention" => &mut attention,
                "ffn" => &mut ffn,
                "other" => &mut other,
                name => return Err(format!("expected embeddings, attention, ffn or other, got {name:?}")),
            };
            if place.replace(bits(n)?).is_some() {
                return Err(format!("{name} is given twice"));
            }
        }
        let given = |bits: Option<u32>, name: &str| bits.ok_or_else(|| format!("{name} is missing"));
        Ok(Self {
            embeddings: given(embeddings, "embeddings")?,
            attention: given(attention, "attention")?,
            ffn: given(ffn, "ffn")?,
            other: given(other, "other")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_one_number_or_one_for_each_part() {
        assert_eq!("6".parse(), Ok(Bits { embeddings: 6, attention: 6, ffn: 6, other: 6 }));
        let mixed = Ok(Bits { embeddings: 4, attention: 6, ffn: 5, other: 32 });
        assert_eq!("ffn=5, embeddings=4,attention=6,other=32".parse(), mixed);
        for (text, said) in [
            ("9", "2 to 8"),
            ("1", "got \"1\""),
            ("embeddings=4", "attention is missing"),
            ("embeddings=4,embeddings=4", "twice"),
            ("pooler=4", "got \"pooler\""),
            ("embeddings=4,6", "PART=BITS"),
        ] {
            let error = text.parse::<Bits>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
