//! The credits set aside, and the credits spent, by day and model: both agree with the ledger.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Cloud, Person, eventually};

async fn holds(person: &Person<'_>) -> Vec<Value> {
    let page = person.get("/credits/holds?limit=100").await.expect(200);
    page["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn open_holds_are_those_of_jobs_in_flight_page_by_page_and_nobody_elses() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    assert!(holds(&ada).await.is_empty());
    let mut ids = Vec::new();
    for n in 0..3 {
        let prompt = format!("held for a while {n} [[delay:4s]]");
        ids.push(ada.generate("flux-dev", &prompt).await);
    }
    ids.reverse();

    let first = ada.get("/credits/holds?limit=2").await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = format!("/credits/holds?limit=2&cursor={cursor}");
    let second = ada.get(&next).await.expect(200);
    assert_eq!(second["next_cursor"], Value::Null);
    let pages = [&first["data"], &second["data"]];
    let listed: Vec<&Value> = pages.iter().flat_map(|p| p.as_array().unwrap()).collect();
    let of = |hold: &&Value| hold["generation_id"].as_str().unwrap().to_owned();
    assert_eq!(listed.iter().map(of).collect::<Vec<_>>(), ids);
    let ledger = ada.books().await;
    for hold in listed {
        let entry = ledger
            .entries
            .iter()
            .find(|entry| entry["id"] == hold["id"]);
        let entry = entry.unwrap_or_else(|| panic!("{hold} is not booked"));
        assert_eq!(entry["amount"], hold["amount"]);
        assert_eq!(
            (&hold["amount"], &hold["model"]),
            (&json!(25), &json!("flux-dev"))
        );
    }
    assert_eq!(ledger.balance(), (925, 75));

    assert!(holds(&eve).await.is_empty());
    eve.get(&next).await.problem(400, "invalid_cursor");
    for id in &ids {
        ada.when(id, "succeeded").await;
    }
    eventually("no open hold", || async {
        holds(&ada).await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_was_spent_is_told_by_day_and_by_model_as_the_ledger_has_it() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    for (model, prompt, end) in [
        ("flux-dev", "one", "succeeded"),
        ("flux-dev", "two", "succeeded"),
        ("flux-pro-ultra", "three", "succeeded"),
        (
            "imagen4-ultra",
            "four [[fail:content_policy_violation]]",
            "failed",
        ),
    ] {
        let id = ada.generate(model, prompt).await;
        ada.when(&id, end).await;
    }
    let stats = ada.get("/credits/stats?days=2").await.expect(200);
    assert_eq!(
        (&stats["spent"], &stats["generations"]),
        (&json!(100), &json!(3))
    );
    let models = json!([
        {"model": "flux-dev", "spent": 50, "generations": 2},
        {"model": "flux-pro-ultra", "spent": 50, "generations": 1},
    ]);
    assert_eq!(stats["by_model"], models);
    let days = stats["by_day"].as_array().unwrap();
    assert_eq!(days.len(), 2);
    assert_eq!(
        (&days[0]["date"], &days[1]["date"]),
        (&stats["from"], &stats["to"])
    );

    let books = ada.books().await;
    let captures = books.entries.iter().filter(|e| e["kind"] == "capture");
    let (mut spent, mut dates) = (0, BTreeSet::new());
    for capture in captures {
        spent += capture["amount"].as_i64().unwrap();
        dates.insert(capture["created_at"].as_str().unwrap()[..10].to_owned());
    }
    let told = days.iter().filter(|day| day["spent"] != 0);
    let told: BTreeSet<_> = told
        .map(|day| day["date"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((spent, dates), (100, told));

    let nothing = eve.get("/credits/stats").await.expect(200);
    assert_eq!(
        (&nothing["spent"], &nothing["by_model"]),
        (&json!(0), &json!([]))
    );
    assert_eq!(nothing["by_day"].as_array().unwrap().len(), 30);
    assert_eq!(ada.get("/credits/stats?days=90").await.status, 200);
    for bad in ["days=0", "days=91", "days=x", "days=1&days=2", "weeks=1"] {
        let answer = ada.get(&format!("/credits/stats?{bad}")).await;
        let named = answer.problem(422, "validation_failed");
        assert!(
            named.contains("days") || named.contains("weeks"),
            "{named:?}"
        );
    }
}
