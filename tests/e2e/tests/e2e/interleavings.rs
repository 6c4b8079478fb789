//! Everything that moves credits, in a random order and often at once, while workers are killed: at the end
//! everybody's books are in order, and money and status agree for every job.

use std::time::{SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person, eventually};

const PEOPLE: usize = 3;
const ROUNDS: usize = 12;
const AT_ONCE: usize = 16;
const PROMPTS: [&str; 7] = [
    "",
    "[[delay:1s]]",
    "[[fail]]",
    "[[nsfw]]",
    "[[webhook:3]]",
    "[[webhook-first]]",
    "[[no-webhook]]",
];
const WORKERS: [&str; 3] = ["jobs-submit", "jobs-settle", "generations-create"];

/// Numbers that look random and follow from their seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }
}

/// An act of a person.
#[derive(Debug)]
enum Act {
    Grant(i64),
    Redeem(usize),
    Generate { prompt: &'static str, key: String },
    Cancel(String),
    Delete(String),
    Kill(&'static str),
}

fn act(dice: &mut Dice, known: &[String]) -> Act {
    let one = |dice: &mut Dice| known[dice.roll(known.len())].clone();
    match dice.roll(20) {
        0 | 1 => Act::Grant(1 + i64::try_from(dice.roll(120)).unwrap()),
        2 => Act::Grant(-1 - i64::try_from(dice.roll(400)).unwrap()),
        3 | 4 => Act::Redeem(dice.roll(4)),
        5..=7 if !known.is_empty() => Act::Cancel(one(dice)),
        8 if !known.is_empty() => Act::Delete(one(dice)),
        9 => Act::Kill(WORKERS[dice.roll(WORKERS.len())]),
        // There are few keys, so that some requests are repeated, with the same body or another.
        _ => Act::Generate {
            prompt: PROMPTS[dice.roll(PROMPTS.len())],
            key: format!("key-{}", dice.roll(90)),
        },
    }
}

/// Carries out an act; returns an accepted generation. Only a kill may cause a fault.
async fn carry_out(
    cloud: &Cloud,
    admin: &Person<'_>,
    person: &Person<'_>,
    act: &Act,
) -> Option<String> {
    let (answer, allowed): (_, &[u16]) = match act {
        Act::Grant(amount) => {
            let grant = json!({"user_id": person.id, "amount": amount, "reason": "storm"});
            let answer = admin.post("/admin/credits/grants", &grant).await;
            (answer, &[201, 409])
        }
        Act::Redeem(code) => {
            let code = json!({"code": format!("STORM-{code}")});
            let answer = person.post("/credits/redeem", &code).await;
            (answer, &[200, 201, 404, 409])
        }
        Act::Generate { prompt, key } => {
            let body = json!({"prompt": prompt_of(prompt)});
            let answer = person.post_once("/generations/flux-dev", key, &body).await;
            if answer.status == 202 {
                return Some(answer.text("id"));
            }
            (answer, &[402, 404, 409, 422, 429, 502])
        }
        Act::Cancel(id) => {
            let path = format!("/generations/{id}/cancel");
            (
                person.post(&path, &Value::Null).await,
                &[200, 202, 404, 409],
            )
        }
        Act::Delete(id) => {
            let path = format!("/generations/{id}");
            (person.delete(&path).await, &[204, 404, 409])
        }
        Act::Kill(function) => {
            let path = format!("functions/{function}/kill");
            cloud.act(&path, &Value::Null).await;
            return None;
        }
    };
    assert!(
        allowed.contains(&answer.status),
        "{act:?}: {} {:?}",
        answer.status,
        answer.body
    );
    None
}

fn prompt_of(directives: &str) -> String {
    format!("a storm {directives}")
}

/// All generations of a person, once none of them changes any more.
async fn at_rest(cloud: &Cloud, person: &Person<'_>) -> Option<Vec<Value>> {
    let mut all = Vec::new();
    let mut path = "/generations?limit=100".to_owned();
    loop {
        let page = person.get(&path).await.expect(200);
        all.extend(page["data"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/generations?limit=100&cursor={cursor}"),
            None => break,
        }
    }
    let moving = all.iter().filter(|generation| !rests(generation));
    let moving: Vec<_> = moving
        .map(|generation| generation["id"].as_str().unwrap())
        .collect();
    // Jobs that a killed worker left behind are looked at now, and not when its lease has ended.
    join_all(moving.iter().map(|id| cloud.hasten(id))).await;
    moving.is_empty().then_some(all)
}

fn rests(generation: &Value) -> bool {
    let status = generation["status"].as_str().unwrap();
    ["succeeded", "failed", "canceled", "unknown"].contains(&status)
}

/// Checks that money and status agree.
fn check(generation: &Value) {
    let receipt = &generation["receipt"];
    let cost = &receipt["quoted"];
    let none = json!(0);
    let (held, captured, released) = match generation["status"].as_str().unwrap() {
        "succeeded" => (&none, cost, &none),
        "failed" | "canceled" => (&none, &none, cost),
        // A worker was killed in the middle of a submit: the hold waits for proof or the policy.
        "unknown" => (cost, &none, &none),
        other => panic!("{other} is no rest"),
    };
    assert_eq!(&receipt["held"], held, "{generation}");
    assert_eq!(&receipt["captured"], captured, "{generation}");
    assert_eq!(&receipt["released"], released, "{generation}");
}

#[allow(clippy::print_stdout, reason = "a failure must name its seed")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_any_order_and_at_once_no_credit_is_lost_invented_or_spent_twice() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = u64::try_from(seed.as_nanos() % u128::from(u64::MAX)).unwrap();
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let cloud = Cloud::with_admin().await;
    cloud.expects_faults();
    let admin = cloud.admin().await;
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        let person = cloud.person().await;
        cloud.verify_by_hand(&person).await;
        people.push(person);
    }
    for code in 0..3 {
        let code = json!({"code": format!("STORM-{code}"), "credits": 100, "max_redemptions": 2});
        admin.post("/admin/promo-codes", &code).await.expect(201);
    }

    let mut known: Vec<Vec<String>> = vec![Vec::new(); PEOPLE];
    for _ in 0..ROUNDS {
        let acts: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let who = dice.roll(PEOPLE);
                (who, act(&mut dice, &known[who]))
            })
            .collect();
        let done = acts
            .iter()
            .map(|(who, act)| carry_out(&cloud, &admin, &people[*who], act));
        for ((who, _), id) in acts.iter().zip(join_all(done).await) {
            known[*who].extend(id);
        }
    }

    for person in &people {
        let all = eventually("every job to rest", || async {
            cloud.sweep().await;
            at_rest(&cloud, person).await
        });
        all.await.iter().for_each(check);
        // The books check themselves: sums, signs, each job ended at most once.
        let books = person.books().await;
        let waiting = books.count("hold") - books.count("capture") - books.count("release");
        assert_eq!(waiting == 0, books.balance().1 == 0);
        assert!(books.count("redeem") <= 3);
    }
    let redeemed = join_all(people.iter().map(Person::books)).await;
    let redeemed: usize = redeemed.iter().map(|books| books.count("redeem")).sum();
    assert!(
        redeemed <= 6,
        "{redeemed} redemptions of three codes for two"
    );
    assert_eq!(cloud.dead_letters().await, 0);
}
