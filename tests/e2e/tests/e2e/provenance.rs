//! The ancestors of a generation, as far as its reader may see them.

use serde_json::{Value, json};

use crate::harness::{Cloud, Person};

/// Makes a generation from another.
async fn child(person: &Person<'_>, parent: &str, intent: &str, project: Option<&str>) -> String {
    let mut body = json!({
        "prompt": "once more [[delay:1ms]]", "parent_generation_id": parent, "intent": intent,
        "change_description": format!("{intent} of it"),
    });
    if let Some(project) = project {
        body["project_id"] = json!(project);
    }
    let made = person
        .post("/generations/flux-dev", &body)
        .await
        .expect(202);
    let id = made["id"].as_str().unwrap().to_owned();
    person.when(&id, "succeeded").await;
    id
}

/// Reads a chain in pages of `limit` steps; each step's id, and whether it is visible.
async fn chain(person: &Person<'_>, id: &str, limit: usize) -> Vec<Value> {
    let first = format!("/generations/{id}/provenance?limit={limit}");
    let (mut steps, mut path) = (Vec::new(), first.clone());
    loop {
        let page = person.get(&path).await.expect(200);
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= limit);
        steps.extend(data.iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else {
            return steps;
        };
        path = format!("{first}&cursor={cursor}");
    }
}

fn ids(steps: &[Value]) -> Vec<&str> {
    steps
        .iter()
        .map(|step| step["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_chain_is_told_from_the_nearest_on_page_by_page() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let mut line = vec![ada.generate("flux-dev", "the first [[delay:1ms]]").await];
    ada.when(&line[0], "succeeded").await;
    for intent in ["improve", "iterate", "fork", "remix"] {
        let parent = line.last().unwrap().clone();
        line.push(child(&ada, &parent, intent, None).await);
    }
    let last = line.pop().unwrap();
    line.reverse();
    for limit in [1, 3, 4, 100] {
        assert_eq!(ids(&chain(&ada, &last, limit).await), line, "{limit}");
    }
    let steps = chain(&ada, &last, 2).await;
    let intents: Vec<_> = steps.iter().map(|step| &step["intent"]).collect();
    assert_eq!(intents, ["fork", "iterate", "improve", "original"]);
    assert_eq!(steps[0]["change_description"], "fork of it");
    assert_eq!(steps[0]["author_id"], ada.id);
    assert_eq!(steps[3]["parent_generation_id"], Value::Null);
    assert_eq!(chain(&ada, line.last().unwrap(), 5).await, [] as [Value; 0]);
    let path = format!("/generations/{last}/provenance");
    eve.get(&path).await.problem(404, "not_found");

    // A deleted generation ends the chain.
    ada.delete(&format!("/generations/{}", line[1]))
        .await
        .expect(204);
    let steps = chain(&ada, &last, 1).await;
    assert_eq!(ids(&steps), line[..2]);
    assert_eq!(
        (&steps[1]["visible"], &steps[1]["model"]),
        (&json!(false), &Value::Null)
    );
}

#[tokio::test]
async fn what_the_reader_may_not_see_ends_the_chain_and_hides_its_author() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let hidden = ada.generate("flux-dev", "hers alone [[delay:1ms]]").await;
    ada.when(&hidden, "succeeded").await;
    let body = json!({"name": "Foxes", "visibility": "public"});
    let project = ada.post("/projects", &body).await.text("id");
    let shown = child(&ada, &hidden, "improve", Some(&project)).await;
    let last = child(&ada, &shown, "improve", Some(&project)).await;

    let steps = chain(&eve, &last, 100).await;
    assert_eq!(ids(&steps), [shown.as_str(), &hidden]);
    assert_eq!(
        (&steps[0]["visible"], &steps[0]["author_id"]),
        (&json!(true), &json!(ada.id))
    );
    let nothing = json!({
        "id": hidden, "object": "generation", "visible": false, "model": null, "title": null, "author_id": null,
        "intent": null, "change_description": null, "parent_generation_id": null, "created_at": null,
    });
    assert_eq!(steps[1], nothing);
    assert_eq!(chain(&ada, &last, 100).await[1]["visible"], true);

    let privacy = json!({"allow_generation_attribution": false});
    let privacy_path = format!("/projects/{project}/privacy");
    let set = eve
        .request(reqwest::Method::PUT, &privacy_path)
        .json(&privacy);
    assert_eq!(crate::harness::send(set).await.status, 403);
    let set = ada
        .request(reqwest::Method::PUT, &privacy_path)
        .json(&privacy);
    crate::harness::send(set).await.expect(200);
    let steps = chain(&eve, &last, 100).await;
    assert_eq!(steps[0]["author_id"], Value::Null);

    // A cursor reveals nothing that its holder may no longer see.
    let first = format!("/generations/{last}/provenance?limit=1");
    let page = eve.get(&first).await.expect(200);
    let next = format!("{first}&cursor={}", page["next_cursor"].as_str().unwrap());
    let away = json!({"project_id": null});
    ada.post(&format!("/generations/{shown}/move"), &away)
        .await
        .expect(200);
    eve.get(&next).await.problem(400, "invalid_cursor");
}
