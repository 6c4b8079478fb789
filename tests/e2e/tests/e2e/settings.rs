//! Every value that the template accepts lets the functions start: a deployment that succeeded is alive.

use crate::harness::Cloud;

/// Values that an operator may type, right ones and wrong ones.
const TYPED: [&str; 29] = [
    "",
    " ",
    "0",
    "-1",
    "1",
    "20",
    "007",
    "0.5",
    "1.5",
    "1e3",
    "1000",
    "999999999",
    "1000000000000",
    "inf",
    "NaN",
    "x",
    "on",
    "velro",
    "/x",
    "x/y",
    "a@b",
    "a@example.org",
    "https://example.org",
    "http://example.org",
    "http://127.0.0.1:1/x",
    "\u{661}\u{662}",
    "30,90,365,0",
    "20,30,40,9999",
    "20,30",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_starts_with_every_value_that_the_template_takes() {
    for value in TYPED {
        let mut options = Cloud::options();
        let takers = options.parameters_that_take(value).unwrap();
        for name in &takers {
            options.parameters.insert(name.clone(), value.to_owned());
        }
        let cloud = Cloud::from(options).await;
        let answer = cloud.get("/").await;
        assert_eq!(
            answer.status,
            200,
            "{value:?} for {takers:?}: {}",
            cloud.everything_logged()
        );
    }
}
