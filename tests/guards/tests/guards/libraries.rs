//! The libraries that functions load when they start. Each takes time, and Lambda's `provided.al2023`
//! promises only C's.

use std::collections::BTreeMap;
use std::process::Command;

use crate::invoked::binaries;
use crate::template::functions;

/// C's libraries, and the unwinder of Rust's panics.
const OF_C: [&str; 3] = ["libc.so.6", "libgcc_s.so.1", "libm.so.6"];
/// The function that decodes videos, in C++. `cargo lambda` puts that library into it.
const DECODER: &str = "jobs-preview";

#[tokio::test]
async fn functions_load_only_the_libraries_of_c() {
    let mut more = BTreeMap::new();
    let binaries = binaries().await;
    for function in functions() {
        let name = function.binary();
        let path = binaries.get(name).unwrap();
        let listed = Command::new("readelf").arg("--dynamic").arg(path).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        let needed = listed.lines().filter(|line| line.contains("(NEEDED)"));
        let needed = needed.filter_map(|line| line.split(['[', ']']).nth(1));
        let needed: Vec<_> = needed.map(str::to_owned).collect();
        assert!(needed.contains(&"libc.so.6".to_owned()), "{name}: {listed}");
        let others = needed.into_iter().filter(|library| {
            let is_loader = library.starts_with("ld-linux");
            !is_loader && !OF_C.contains(&library.as_str())
        });
        let others: Vec<_> = others.collect();
        if !others.is_empty() {
            more.insert(name, others);
        }
    }
    let decoder = (DECODER, vec!["libstdc++.so.6".to_owned()]);
    assert_eq!(more, BTreeMap::from([decoder]));
}
