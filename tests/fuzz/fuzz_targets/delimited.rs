//! TSV and CSV, with every delimiter.

#![no_main]

use fuzz::table::{self, ANY};
use libfuzzer_sys::fuzz_target;
use shared::dataset::{read_csv, read_tsv};

/// A row takes a hundred bytes beside its text, and an input has a few thousand at most.
const MAX_MIB: usize = 64;

fn read(bytes: &[u8]) {
    match bytes {
        [b't', choice, rest @ ..] => table::read(read_tsv, rest, &table::choice(*choice)),
        [b'c', choice, rest @ ..] => table::read(read_csv, rest, &table::choice(*choice)),
        _ => {}
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let tsv: [&[u8]; 9] = [
        b"label\ttext\n1\tsays \"hello\tworld\n0\tb\n",
        b"\xEF\xBB\xBFlabel\ttext\r\n-1\ta\r\n-1\tb\r\n",
        b"label\ttext\n1\n\t\n x \ta\nneg\tb\npos\tc\n\xFF\td\n1\t\0\n",
        b"label\ttext\n1\t\"a \"\"b\"\"\"\n0\t\"c\"\n",
        b"label\ttext\n1.0\ta\n2.50\tb\n01\tc\n1\td\n",
        b"label\ttext\n",
        b"text\tlabel\na\t1\n",
        b"label\ttext\nNone\ta\nnan\tb\nnull\tc\n",
        b"",
    ];
    let csv: [&[u8]; 16] = [
        b"id,text,label\n7,\"one,\ntwo \"\"x\"\"\",good\n8,b,bad\n",
        b"text,label\r\na,1\r\n\r\nb,0\r\n",
        b"\xEF\xBB\xBFtext,label\na,LABEL_0\nb,LABEL_2\n",
        b"title,content,class\na,,1\n,b,2\na,b,3\n",
        b"premise,hypothesis,label\na,b,0\nc,d,1\n",
        b"a,b,label\n1,2,neg\n3,4,pos\n",
        b"text,label\n\"a\"b,1\nc,0\n",
        b"text,label\n\"a,1\n",
        b"text,label\na\nb,1,2\n,\n",
        b"text,label,text\na,1,b\n",
        b"text;label\na;1\nb;0\n",
        b"a|b|text|label\n1|2|x|pos\n",
        b"te\xFFxt,label\na,1\n",
        b"text,label\nc\xE9,1\nd,0\ne\0,1\n",
        b"Sentence, Label \na, 1 \nb,00\n",
        b"\n\n",
    ];
    let mut seeds = Vec::new();
    for choice in [ANY, 0, 2, ANY | 1 << 3 | 1 << 5, 1 | 2 << 3, 3 | 3 << 3, 3 << 3 | 2 << 5, ANY | 3 << 3 | 3 << 5] {
        let input = |kind: u8, bytes: &[u8]| [&[kind, choice], bytes].concat();
        seeds.extend(tsv.iter().map(|bytes| input(b't', bytes)));
        seeds.extend(csv.iter().map(|bytes| input(b'c', bytes)));
    }
    seeds
}

fuzz_target!(
    init: fuzz::start(MAX_MIB, seeds, || read(b"c\x07text,label\na,1\n")),
    |bytes: &[u8]| read(bytes)
);
