//! Generations filed in projects: who may file them, who sees them there, and what happens when the project
//! changes or ends.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person, client, send};
use crate::projects::make;
use crate::teams::Cast;

const PICTURE: &str = "/generations/flux-dev";

/// Files a new picture, which must be accepted; its id.
async fn file(person: &Person<'_>, project: &str, prompt: &str) -> String {
    let body = json!({"prompt": prompt, "project_id": project});
    let answer = person.post(PICTURE, &body).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    assert_eq!(answer.body["project_id"], project);
    answer.text("id")
}

/// The ids on the pages of a list.
async fn listed(person: &Person<'_>, query: &str) -> Vec<String> {
    let first = format!("/generations?limit=2&{query}");
    let (mut ids, mut path) = (Vec::new(), first.clone());
    loop {
        let page = person.get(&path).await.expect(200);
        let data = page["data"].as_array().unwrap();
        ids.extend(data.iter().map(|g| g["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            return ids;
        };
        path = format!("{first}&cursor={cursor}");
    }
}

#[tokio::test]
async fn a_project_lists_and_counts_what_was_filed_in_it_and_nothing_else() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let foxes = make(&ada, &json!({"name": "foxes"})).await;
    let birds = make(&ada, &json!({"name": "birds"})).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let prompt = if n == 3 { "[[fail]]" } else { "a fox" };
        ids.push(file(&ada, &foxes, prompt).await);
    }
    let bird = file(&ada, &birds, "a heron").await;
    let loose = ada.generate("flux-dev", "nowhere").await;
    for (n, id) in ids.iter().enumerate() {
        let done = ada
            .when(id, if n == 3 { "failed" } else { "succeeded" })
            .await;
        assert_eq!(done["project_id"], foxes);
    }
    let nowhere = ada.when(&loose, "succeeded").await;
    assert_eq!(nowhere["project_id"], Value::Null);
    ada.when(&bird, "succeeded").await;
    ids.reverse();

    assert_eq!(listed(&ada, &format!("project_id={foxes}")).await, ids);
    let failed = format!("project_id={foxes}&status=failed");
    assert_eq!(listed(&ada, &failed).await, ids[1..2]);
    assert_eq!(
        listed(&ada, &format!("project_id={birds}")).await,
        [bird.as_str()]
    );
    assert_eq!(listed(&ada, "").await.len(), 7);
    let page = ada
        .get(&format!("/generations?limit=2&project_id={foxes}"))
        .await;
    let cursor = page.text("next_cursor");
    let elsewhere = format!("/generations?limit=2&project_id={birds}&cursor={cursor}");
    ada.get(&elsewhere).await.problem(400, "invalid_cursor");

    let stats = ada
        .get(&format!("/projects/{foxes}/stats"))
        .await
        .expect(200);
    assert_eq!(
        (&stats["counted"], &stats["complete"]),
        (&json!(5), &json!(true))
    );
    assert_eq!(stats["by_status"]["failed"], 1);
    let credits = json!({"held": 0, "captured": 100, "released": 25});
    assert_eq!(stats["credits"], credits);
}

#[tokio::test]
async fn nobody_files_anything_where_they_may_not_and_nothing_is_paid_for_trying() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let private = make(&ada, &json!({"name": "private"})).await;
    let public = make(&ada, &json!({"name": "public", "visibility": "public"})).await;
    let gone = make(&eve, &json!({"name": "gone"})).await;
    assert_eq!(eve.delete(&format!("/projects/{gone}")).await.status, 204);
    let never = "prj_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned();
    for project in [&private, &public, &gone, &never, &"x".to_owned()] {
        let body = json!({"prompt": "not here", "project_id": project});
        let answer = eve.post_once(PICTURE, "key", &body).await;
        let fields = answer.problem(404, "not_found");
        assert!(fields.contains("project_id"), "{project}: {fields:?}");
    }
    assert_eq!(eve.books().await.entries.len(), 1);
    assert_eq!(cloud.local("fal/jobs").await.len(), 0);
    // A refused request does not use its key up.
    let hers = make(&eve, &json!({"name": "hers"})).await;
    let body = json!({"prompt": "here", "project_id": hers});
    assert_eq!(eve.post_once(PICTURE, "key", &body).await.status, 202);
    for list in [&private, &gone, &never] {
        let answer = eve.get(&format!("/generations?project_id={list}")).await;
        assert!(answer.problem(404, "not_found").contains("project_id"));
    }
}

/// A generation that is filed in a project, both of one owner, and the paths to it.
struct Filed {
    id: String,
    project: String,
    /// The generation's own path.
    path: String,
    /// The list of the project.
    list: String,
    /// The statistics of the project, which only its owner sees.
    stats: String,
}

impl Filed {
    /// Files a generation, which its owner marks as a favourite.
    async fn by(owner: &Person<'_>) -> Self {
        let project = make(owner, &json!({"name": "shown"})).await;
        let id = file(owner, &project, "to be shown").await;
        owner.when(&id, "succeeded").await;
        let path = format!("/generations/{id}");
        assert_eq!(owner.put(&format!("{path}/favorite")).await.status, 204);
        Self {
            list: format!("/generations?project_id={project}"),
            stats: format!("/projects/{project}/stats"),
            id,
            project,
            path,
        }
    }

    /// The paths that others may read once the project is public.
    fn looks(&self) -> [String; 3] {
        let media = format!("{}/media", self.path);
        [self.path.clone(), media, self.list.clone()]
    }

    /// Checks that every request to change the generation gets this answer.
    async fn refuses_changes(&self, person: &Person<'_>, status: u16, code: &str) {
        let path = &self.path;
        for (method, path) in [
            (Method::PATCH, path.clone()),
            (Method::DELETE, path.clone()),
            (Method::PUT, format!("{path}/favorite")),
            (Method::DELETE, format!("{path}/favorite")),
            (Method::POST, format!("{path}/cancel")),
        ] {
            let request = person.request(method, &path);
            let answer = send(request.json(&json!({"title": "hers"}))).await;
            answer.problem(status, code);
        }
    }

    /// Checks that somebody else sees the generation, but not its mark and its price.
    async fn is_shown_without_mark_and_price(&self, eve: &Person<'_>) {
        let seen = eve.get(&self.path).await.expect(200);
        assert_eq!(
            (&seen["favorite"], &seen["title"]),
            (&json!(false), &Value::Null)
        );
        assert_eq!(seen["project_id"], self.project);
        assert_eq!(seen["receipt"], Value::Null);
        let shown = eve.get(&self.list).await.expect(200);
        assert_eq!(shown["data"][0]["receipt"], Value::Null);
        let (content_type, _) = eve.download(&seen).await;
        assert_eq!(content_type, "image/jpeg");
        let media = eve.get(&format!("{}/media", self.path)).await.expect(200);
        assert_eq!(media["data"].as_array().unwrap().len(), 1);
    }

    /// Checks that the project's list shows the generation to both, that only its owner can filter it by
    /// favourites, and that it is not among the other person's own.
    async fn is_listed(&self, ada: &Person<'_>, eve: &Person<'_>) {
        let of_project = format!("project_id={}", self.project);
        assert_eq!(listed(eve, &of_project).await, [self.id.as_str()]);
        eve.get(&format!("{}&favorite=true", self.list))
            .await
            .problem(403, "forbidden");
        assert_eq!(listed(eve, "").await, Vec::<String>::new());
        let marked = format!("{of_project}&favorite=true");
        assert_eq!(listed(ada, &marked).await, [self.id.as_str()]);
    }
}

#[tokio::test]
async fn what_is_filed_in_a_public_project_is_seen_by_everybody_and_changed_by_its_owner_alone() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let filed = Filed::by(&ada).await;
    for look in filed.looks().iter().chain([&filed.stats]) {
        eve.get(look).await.problem(404, "not_found");
    }
    filed.refuses_changes(&eve, 404, "not_found").await;

    let project = format!("/projects/{}", filed.project);
    let public = json!({"visibility": "public"});
    ada.patch(&project, &public).await.expect(200);
    filed.is_shown_without_mark_and_price(&eve).await;
    for mine in [ada.get(&filed.path).await, ada.get(&filed.list).await] {
        let mine = mine.expect(200);
        let mine = mine["data"].get(0).unwrap_or(&mine);
        assert_eq!(mine["receipt"]["captured"], 25);
    }
    filed.is_listed(&ada, &eve).await;
    eve.get(&filed.stats).await.problem(403, "forbidden");
    filed.refuses_changes(&eve, 403, "forbidden").await;

    let private = json!({"visibility": "private"});
    ada.patch(&project, &private).await.expect(200);
    for look in &filed.looks() {
        eve.get(look).await.problem(404, "not_found");
    }
    let mine = ada.generation(&filed.id).await;
    assert_eq!(
        (&mine["favorite"], &mine["title"]),
        (&json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn what_was_filed_in_a_deleted_project_stays_and_is_in_none() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let project = make(&ada, &json!({"name": "short", "visibility": "public"})).await;
    let body = json!({"prompt": "filed", "project_id": project});
    let id = ada.post_once(PICTURE, "key", &body).await.text("id");
    ada.when(&id, "succeeded").await;
    let running = file(&ada, &project, "[[delay:2s]]").await;
    eve.get(&format!("/generations/{id}")).await.expect(200);

    let path = format!("/projects/{project}");
    assert_eq!(ada.delete(&path).await.status, 204);
    ada.get(&path).await.problem(404, "not_found");
    ada.delete(&path).await.problem(404, "not_found");
    ada.get(&format!("{path}/stats"))
        .await
        .problem(404, "not_found");
    let list = ada.get(&format!("/generations?project_id={project}")).await;
    list.problem(404, "not_found");
    eve.get(&format!("/generations/{id}"))
        .await
        .problem(404, "not_found");
    let done = ada.when(&running, "succeeded").await;
    assert_eq!(done["project_id"], Value::Null);
    let page = ada.get("/generations").await.expect(200);
    let data = page["data"].as_array().unwrap();
    assert_eq!(data.len(), 2);
    assert!(data.iter().all(|g| g["project_id"].is_null()), "{page:#}");
    // The request that filed it is still answered with its job.
    let replay = ada.post_once(PICTURE, "key", &body).await;
    assert_eq!((replay.status, replay.text("id")), (202, id));
    assert_eq!(ada.books().await.balance(), (950, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_takes_its_owners_generations_with_it_if_that_is_asked_for() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let (ada, member, team) = (&cast.ada, &cast.contributor, &cast.team);
    ada.post(&format!("{team}/credits/transfer"), &json!({"amount": 100}))
        .await
        .expect(201);
    let project = make(ada, &json!({"name": "short", "visibility": "team-only"})).await;
    let path = format!("/projects/{project}");
    let team_id = team.trim_start_matches("/teams/");
    let grant = ada.request(Method::PUT, &format!("{path}/teams/{team_id}"));
    send(grant.json(&json!({"access_level": "write"})))
        .await
        .expect(200);
    let own = file(ada, &project, "hers").await;
    let others = file(member, &project, "the member's").await;
    let body = json!({"prompt": "the team's", "project_id": project, "team_id": team_id});
    let of_team = member.post(PICTURE, &body).await.text("id");
    for (person, id) in [(ada, &own), (member, &others), (member, &of_team)] {
        person.when(id, "succeeded").await;
    }
    let url = ada.generation(&own).await["outputs"][0]["url"].clone();
    let running = file(ada, &project, "[[delay:3s]]").await;

    let all = format!("{path}?generations=delete");
    ada.delete(&all).await.problem(409, "conflict");
    for id in [&own, &of_team, &running] {
        ada.get(&format!("/generations/{id}")).await.expect(200);
    }
    let fields = ada
        .delete(&format!("{path}?generations=none"))
        .await
        .problem(422, "validation_failed");
    assert!(fields.contains("generations"));
    member.delete(&all).await.problem(403, "forbidden");
    cast.stranger.delete(&all).await.problem(404, "not_found");
    ada.when(&running, "succeeded").await;

    assert_eq!(ada.delete(&all).await.status, 204);
    ada.get(&path).await.problem(404, "not_found");
    for id in [&own, &of_team, &running] {
        ada.get(&format!("/generations/{id}"))
            .await
            .problem(404, "not_found");
    }
    let fetched = client().get(url.as_str().unwrap()).send().await.unwrap();
    assert_eq!(fetched.status(), 404);
    let stays = member.generation(&others).await;
    assert_eq!(
        (&stays["status"], &stays["project_id"]),
        (&json!("succeeded"), &Value::Null)
    );
    // The deletion refunds nothing.
    assert_eq!(ada.books().await.balance(), (850, 0));
    assert_eq!(ada.team_books(team_id).await.balance(), (75, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_project_deleted_while_jobs_are_opened_in_it_leaves_only_whole_jobs() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for round in 0..3 {
        let project = make(&ada, &json!({"name": format!("round {round}")})).await;
        let body = json!({"prompt": "in or not [[delay:1ms]]", "project_id": project});
        let before = ada.books().await;
        let path = format!("/projects/{project}");
        let posts = join_all((0..8).map(|_| ada.post(PICTURE, &body)));
        let delete = async {
            tokio::time::sleep(std::time::Duration::from_millis(30 * (round + 1))).await;
            ada.delete(&path).await
        };
        let (answers, deleted) = futures::future::join(posts, delete).await;
        assert_eq!(deleted.status, 204, "{:?}", deleted.body);
        let mut opened = 0;
        for answer in &answers {
            if answer.status == 202 {
                opened += 1;
                ada.when(&answer.text("id"), "succeeded").await;
            } else {
                let fields = answer.problem(404, "not_found");
                assert!(fields.contains("project_id"));
            }
        }
        let after = ada.books().await;
        assert_eq!(after.count("hold"), before.count("hold") + opened);
        assert_eq!(after.balance().1, 0);
    }
    assert_eq!(cloud.faults(), Vec::<String>::new());
}
