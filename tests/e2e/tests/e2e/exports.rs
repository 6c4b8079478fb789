//! A month of a ledger as a file: every entry, once, and their sum is the wallet's.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::exports::ROWS_MAX;
use domain::time::Month;
use serde_json::json;

use crate::harness::{Cloud, Person};
use crate::rate_limits::now_ms;
use crate::team_wallets::id;
use crate::teams::Cast;

const CREDITS: &str = "velro-local-creditstable";

type Row = HashMap<String, String>;

fn this_month() -> Month {
    Month::from(Timestamp::from_ms(now_ms()))
}

/// The month before, and a moment in it.
fn last_month() -> (Month, i64) {
    let moment_ms = this_month().begins().ms() - 1;
    (Month::from(Timestamp::from_ms(moment_ms)), moment_ms)
}

/// The rows of a month's file, which a browser would save under a name.
async fn export(person: &Person<'_>, path: &str, month: Month) -> Vec<Row> {
    let answer = person.get(&format!("{path}/export?month={month}")).await;
    let answer = answer.expect(200);
    assert_eq!(answer["month"], month.to_string());
    let file = person.cloud.http.get(answer["url"].as_str().unwrap());
    let file = file.send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        file.headers()["content-disposition"],
        format!("attachment; filename=\"credits-{month}.csv\"")
    );
    let text = file.text().await.unwrap();
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let rows = table
        .deserialize()
        .collect::<Result<Vec<Row>, _>>()
        .unwrap();
    assert_eq!(answer["rows"], rows.len());
    rows
}

fn number(row: &Row, column: &str) -> i64 {
    row[column].parse().unwrap()
}

fn sum(rows: &[Row], column: &str) -> i64 {
    rows.iter().map(|row| number(row, column)).sum()
}

#[tokio::test]
async fn the_file_of_a_month_has_every_entry_once_and_its_sums_are_the_wallet() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let made = ada.generate("flux-dev", "a pier").await;
    ada.when(&made, "succeeded").await;
    let failed = ada.generate("flux-dev", "[[fail]]").await;
    ada.when(&failed, "failed").await;
    let gone = ada.generate("flux-dev", "soon forgotten").await;
    ada.when(&gone, "succeeded").await;
    ada.delete(&format!("/generations/{gone}")).await;
    let running = ada.generate("flux-dev", "[[lost]]").await;
    ada.when(&running, "running").await;

    let rows = export(&ada, "/credits", this_month()).await;
    let wallet = ada.get("/credits").await.expect(200);
    let mut listed = ada.get("/credits/transactions").await.expect(200)["data"].clone();
    let listed = listed.as_array_mut().unwrap();
    listed.reverse();
    assert_eq!(rows.len(), listed.len());
    for (place, (row, entry)) in rows.iter().zip(listed.iter()).enumerate() {
        assert_eq!(row["sequence"], (place + 1).to_string());
        for (column, value) in entry.as_object().unwrap() {
            let text = match value.as_str() {
                Some(text) => text.to_owned(),
                None if value.is_null() => String::new(),
                None => value.to_string(),
            };
            assert_eq!(row[column], text, "{column} of {entry}");
        }
    }
    assert_eq!(sum(&rows, "available_delta"), wallet["available"]);
    assert_eq!(sum(&rows, "held_delta"), wallet["held"]);
    let last = rows.last().unwrap();
    assert_eq!(number(last, "available_after"), wallet["available"]);

    // Only the row of a hold has the receipt.
    for id in [&made, &failed, &running] {
        let receipt = ada.generation(id).await["receipt"].clone();
        let of_job = rows.iter().filter(|row| row["generation_id"] == *id);
        for row in of_job {
            let is_hold = row["kind"] == "hold";
            assert_eq!(row["model"], if is_hold { "flux-dev" } else { "" });
            for column in ["quoted", "captured", "released", "refunded"] {
                let told = if is_hold {
                    receipt[column].to_string()
                } else {
                    String::new()
                };
                assert_eq!(row[column], told, "{column} of {row:?}");
            }
        }
    }
    let of_gone = rows.iter().filter(|row| row["generation_id"] == gone);
    assert!(of_gone.clone().count() == 2 && of_gone.clone().all(|row| row["model"].is_empty()));
}

#[tokio::test]
async fn an_entry_is_in_the_file_of_its_month_and_in_no_other() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for _ in 0..3 {
        let made = ada.generate("flux-dev", "a pier").await;
        ada.when(&made, "succeeded").await;
    }
    // The bonus and the first generation were long ago.
    let (before, moment_ms) = last_month();
    let entries = ada.get("/credits/transactions").await.expect(200)["data"].clone();
    for entry in entries.as_array().unwrap().iter().rev().take(3) {
        let update = cloud.dynamodb().update_item().table_name(CREDITS);
        update
            .key("tenant", AttributeValue::S(ada.id.clone()))
            .key(
                "entry",
                AttributeValue::S(entry["id"].as_str().unwrap().to_owned()),
            )
            .update_expression("SET created_at_ms = :then")
            .expression_attribute_values(":then", AttributeValue::N(moment_ms.to_string()))
            .send()
            .await
            .unwrap();
    }
    let places = |rows: &[Row]| {
        rows.iter()
            .map(|row| number(row, "sequence"))
            .collect::<Vec<_>>()
    };
    let earlier = export(&ada, "/credits", before).await;
    assert_eq!(places(&earlier), [1, 2, 3]);
    let now = export(&ada, "/credits", this_month()).await;
    assert_eq!(places(&now), [4, 5, 6, 7]);
    for empty in ["1970-01", "2026-01", "9998-12"] {
        assert!(
            export(&ada, "/credits", Month::parse(empty).unwrap())
                .await
                .is_empty()
        );
    }

    for (asked, field) in [
        ("", "month"),
        ("?month=2026-13", "month"),
        ("?month=2026-01&days=1", "days"),
    ] {
        let answer = ada.get(&format!("/credits/export{asked}")).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains(field), "{asked}: {fields:?}");
    }
    // The files that were written for her are deleted with her account.
    let keys = || cloud.stack.aws().object_keys("velro-local-uploadsbucket");
    assert!(keys().contains(&format!("{}/credits-{before}.csv", ada.id)));
    assert_eq!(ada.erase().await.status, 204);
    assert_eq!(keys(), Vec::<String>::new());
}

#[tokio::test]
async fn a_teams_file_tells_who_spent() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let fund = format!("{}/credits/transfer", cast.team);
    cast.ada
        .post(&fund, &json!({"amount": 100}))
        .await
        .expect(201);
    let made = cast
        .editor
        .generate_for(id(&cast.team), "flux-dev", "ours")
        .await;
    cast.editor.when(&made, "succeeded").await;

    let path = format!("{}/credits", cast.team);
    let rows = export(&cast.contributor, &path, this_month()).await;
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row["kind"].as_str(), row["actor"].as_str()))
        .collect();
    let expected = [
        ("transfer_in", cast.ada.id.as_str()),
        ("hold", cast.editor.id.as_str()),
        ("capture", "system"),
    ];
    assert_eq!(told, expected);
    assert_eq!(sum(&rows, "available_delta"), 75);
}

#[tokio::test]
async fn a_month_of_more_entries_than_a_file_takes_is_refused() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let last = ROWS_MAX + 1;
    let number = |number: i64| json!({ "N": number.to_string() });
    let text = |text: &str| json!({ "S": text });
    let entry = |place: i64| {
        json!({
            "tenant": text(&ada.id),
            "entry": text(&format!("txn_{place}-grant")),
            "kind": text("grant"),
            "amount": number(1),
            "available_delta": number(1),
            "held_delta": number(0),
            "owed_delta": number(0),
            "available_after": number(place),
            "held_after": number(0),
            "actor": text("system"),
            "description": text("A grant"),
            "created_at_ms": number(now_ms()),
            "sequence": number(place),
            "hash": text(&"0".repeat(64)),
        })
    };
    let entries: Vec<_> = (2..=i64::try_from(last).unwrap()).map(entry).collect();
    for portion in entries.chunks(5_000) {
        let imported = cloud.stack.aws().import(CREDITS, portion.to_vec()).await;
        imported.unwrap();
    }
    let update = cloud.dynamodb().update_item().table_name(CREDITS);
    update
        .key("tenant", AttributeValue::S(ada.id.clone()))
        .key("entry", AttributeValue::S("wallet".to_owned()))
        .update_expression("SET version = :last")
        .expression_attribute_values(":last", AttributeValue::N(last.to_string()))
        .send()
        .await
        .unwrap();

    let path = format!("/credits/export?month={}", this_month());
    let answer = ada.get(&path).await;
    answer.problem(409, "conflict");
    assert!(answer.text("detail").contains("/credits/transactions"));
}
