//! The part of the page's address behind `#`: whatever a link holds gives a state, and its address reads back as it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use web::state::State;

/// Addresses are cut to a few thousand characters.
const MAX_MIB: usize = 32;

const SEEDS: [&str; 18] = [
    "#plan=kaiming@bottom:0.67&seed=1",
    "#plan=bitflip:1e-6,exponent@layers:0-2/attention.query&seed=18446744073709551615&text=%C3%9Cml%20%F0%9F%98%80",
    "#plan=zero:1e+0@all&seed=1&bundle=minilm-l6_trec.2&view=inside&lesson=3&hide=plan,healing&layer=2&head=11",
    "#tensor=bert.encoder.layer.0.attention.self.query.weight&rate=0.00003&steps=77&batch=8&train=all&theme=dark",
    "#rate=7&steps=0&batch=1000&lesson=99&layer=1000&head=-1",
    "#rate=NaN&rate=1&steps=1e3",
    "#seed=-1",
    "#view=upside-down",
    "#hide=plan,everything,%20seed",
    "#bundle=../../etc",
    "#tensor=a/b",
    "#?text=a=b=c&&=&%=%zz&%70lan=x",
    "#text=%ff%c3%28%00",
    "#view=operate&view=model&train=head&theme=light",
    "#hide=plan,seed,scheme,sliders,network,healed,healing,tabs,lessons",
    "#text=a+b%2Bc",
    "#colour=red",
    "",
];

fn read(hash: &str) {
    let (state, refusals) = State::from_hash(hash);
    assert!(refusals.len() <= 64 + hash.len(), "a refusal for every field, or every word of one, at most");
    assert_eq!(State::from_hash(&state.to_hash()), (state, vec![]), "{hash:?}");
}

fuzz_target!(
    init: fuzz::start(MAX_MIB, || SEEDS.map(|hash| hash.as_bytes().to_vec()).to_vec(), || read(SEEDS[0])),
    |bytes: &[u8]| read(&String::from_utf8_lossy(bytes))
);
