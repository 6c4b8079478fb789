//! Every route of the OpenAPI document as everybody who may not use it, or not so: `access.txt` lists by hand
//! the answer to each. `members` and `grants` test the permissions of each role in a team, and of each level
//! of sharing.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::api_keys::make;
use crate::harness::{Answer, Cloud, Person, send, with};
use crate::team_wallets::id;
use crate::teams::{Cast, join};

const TABLE: &str = include_str!("access.txt");
const OWN: &str = "own";

/// The table's answers to an operation.
struct Row {
    /// For a stranger with another's ids: a status, or `own` if the route leads to the stranger's own things.
    stranger: &'static str,
    /// For the owner's API key that may only read.
    reader: &'static str,
    /// For a visitor and each role in a team, if the route names a generation or a project.
    others: Option<(&'static str, [&'static str; 5])>,
}

fn table() -> BTreeMap<String, Row> {
    let lines = TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let rows = lines.map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let ([method, path, stranger, reader], others) = words.split_first_chunk().unwrap();
        let others = match others {
            [] => None,
            [visitor, roles @ ..] => Some((*visitor, roles.try_into().unwrap())),
        };
        let row = Row {
            stranger,
            reader,
            others,
        };
        (format!("{method} {path}"), row)
    });
    rows.collect()
}

/// The answers to an operation that reads what is the caller's own. The table has no rows for these.
const OWN_READ: Row = Row {
    stranger: OWN,
    reader: "200",
    others: None,
};

/// An operation that needs a caller.
pub struct Operation {
    /// The name of its function.
    pub function: String,
    name: String,
    method: Method,
    path: String,
    body: Value,
}

/// Every operation that needs a caller.
pub fn operations() -> Vec<Operation> {
    let document = api::openapi::document("http://localhost/v1");
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let needs_caller = operation["security"]
                .as_array()
                .is_none_or(|it| !it.is_empty());
            let is_operation = operation["responses"].is_object();
            if is_operation && needs_caller {
                let method: Method = method.to_uppercase().parse().unwrap();
                let example = &operation["requestBody"]["content"]["application/json"]["example"];
                found.push(Operation {
                    function: kebab(operation["operationId"].as_str().unwrap()),
                    name: format!("{method} {path}"),
                    method,
                    path: path.clone(),
                    body: example.clone(),
                });
            }
        }
    }
    found
}

/// An operation's id as its function's name: `creditsHolds` is `credits-holds`.
fn kebab(id: &str) -> String {
    let letter = |letter: char| match letter.is_ascii_uppercase() {
        true => format!("-{}", letter.to_ascii_lowercase()),
        false => letter.to_string(),
    };
    id.chars().map(letter).collect()
}

/// The ids of somebody's things, by the path parameters that name them.
pub type Things = Vec<(&'static str, String)>;

impl Operation {
    /// Whether it reads what is the caller's own, and names nothing. One with a row is not for everybody.
    pub fn is_own_read(&self) -> bool {
        let names = self.path.contains('{') || self.path.starts_with("/admin/");
        self.method == Method::GET && !names && !table().contains_key(&self.name)
    }

    /// Its path and query, with the ids of these things.
    pub fn at(&self, things: &Things) -> String {
        let named =
            |path: String, (name, id): &(&str, String)| path.replace(&format!("{{{name}}}"), id);
        let path = things.iter().fold(self.path.clone(), named);
        match path.as_str() {
            "/admin/users" => "/admin/users?email=ada@example.org".to_owned(),
            path if path.ends_with("/credits/export") => format!("{path}?month=2026-01"),
            _ => path,
        }
    }

    async fn ask(&self, cloud: &Cloud, credential: &str, things: &Things) -> Answer {
        let request = cloud.request(self.method.clone(), &self.at(things));
        let request = request.bearer_auth(credential);
        send(with(request, &self.body)).await
    }
}

/// Makes a generation, a project, a style, a file, a key, and an endpoint with an event. Their ids, with
/// those of the team, one of its members and an invitation into it.
async fn things_of(person: &Person<'_>, cast: &Cast<'_>) -> Things {
    let generation = person.generate("flux-dev", "hers alone").await;
    person.when(&generation, "succeeded").await;
    let project = person.post("/projects", &json!({"name": "Foxes"})).await;
    let style = json!({"name": "Ink", "blocks": {"style": "ink and wash"}});
    let style = person.post("/styles", &style).await;
    let (key, _) = make(person, &json!({})).await;
    let invited = json!({"email": "somebody@example.org", "role": "editor"});
    let invitations = format!("{}/invitations", cast.team);
    let invitation = person.post(&invitations, &invited).await;
    let hook = json!({"url": "http://127.0.0.1:9/hook", "events": ["generation.failed"]});
    let hook = person.post("/webhook-endpoints", &hook).await.text("id");
    let test = format!("/webhook-endpoints/{hook}/test");
    let test = person.post(&test, &json!({})).await;
    vec![
        ("webhook_endpoint_id", hook),
        ("event_id", test.text("id")),
        ("generation_id", generation),
        ("project_id", project.text("id")),
        ("style_id", style.text("id")),
        ("file_id", person.upload_picture().await),
        ("key_id", key),
        ("invitation_id", invitation.text("id")),
        ("team_id", id(&cast.team).to_owned()),
        ("user_id", cast.editor.id.clone()),
        ("model", "flux-dev".to_owned()),
    ]
}

fn leaks(answer: &Answer, things: &Things) -> bool {
    let text = answer.body.to_string();
    let ids = things.iter().filter(|(name, _)| *name != "model");
    ids.into_iter().any(|(_, id)| text.contains(id))
}

/// Whether an answer agrees with a cell of the table.
fn fits(cell: &str, answer: &Answer, things: &Things) -> bool {
    match cell {
        OWN => !matches!(answer.status, 401 | 403) && answer.status < 500 && !leaks(answer, things),
        status => {
            answer.status.to_string() == status && (answer.status < 400 || !leaks(answer, things))
        }
    }
}

/// Credentials that must not open the things that they ask for, and those things.
struct Refused {
    /// Ada's things.
    hers: Things,
    /// The same, but with a generation of the team's, which the removed member made.
    teams: Things,
    /// An API key of hers that may only read.
    reader: String,
    /// A revoked API key of hers.
    revoked: String,
}

impl Refused {
    /// Makes Ada's things and keys, removes the contributor from her team, and suspends its admin.
    async fn new(cloud: &Cloud, cast: &Cast<'_>) -> Self {
        let (ada, removed) = (&cast.ada, &cast.contributor);
        let fund = format!("{}/credits/transfer", cast.team);
        ada.post(&fund, &json!({"amount": 100})).await.expect(201);
        let hers = things_of(ada, cast).await;
        // A member's generation belongs to the team.
        let made = removed
            .generate_for(id(&cast.team), "flux-dev", "the team's")
            .await;
        removed.when(&made, "succeeded").await;
        let mut teams = hers.clone();
        let generation = teams.iter_mut().find(|(name, _)| *name == "generation_id");
        generation.unwrap().1 = made;
        let member = format!("{}/members/{}", cast.team, removed.id);
        ada.delete(&member).await.expect(204);

        let (_, reader) = make(ada, &json!({"scopes": ["read"]})).await;
        let scopes = json!({"scopes": ["read", "generate", "admin:team"]});
        let (key, revoked) = make(ada, &scopes).await;
        let key = format!("/me/api-keys/{key}");
        ada.delete(&key).await.expect(204);
        let suspend = format!("/admin/users/{}", cast.admin.id);
        let admin = cloud.admin().await;
        admin
            .patch(&suspend, &json!({"suspended": true}))
            .await
            .expect(200);
        cloud.stack.forget_callers();
        Self {
            hers,
            teams,
            reader,
            revoked,
        }
    }

    /// Asks for an operation with each credential; describes every answer that the row does not allow.
    async fn wrong_answers(
        &self,
        (cloud, cast): (&Cloud, &Cast<'_>),
        operation: &Operation,
        row: &Row,
    ) -> Vec<String> {
        // On their own things, the stranger's request may end their session, or their account.
        let somebody = match (row.stranger, &operation.method) {
            (OWN, method) if *method != Method::GET => Some(cloud.verified().await),
            _ => None,
        };
        let stranger = somebody.as_ref().unwrap_or(&cast.stranger);
        let (removed, suspended) = (&cast.contributor, &cast.admin);
        let mut wrong = Vec::new();
        for (who, credential, things, cell) in [
            ("a stranger", &stranger.token, &self.hers, row.stranger),
            ("who was removed", &removed.token, &self.teams, row.stranger),
            ("a key that may read", &self.reader, &self.hers, row.reader),
            ("a revoked key", &self.revoked, &self.hers, "401"),
            ("a suspended member", &suspended.token, &self.teams, "401"),
        ] {
            if who == "who was removed" && somebody.is_some() {
                continue;
            }
            let answer = operation.ask(cloud, credential, things).await;
            if !fits(cell, &answer, things) {
                let (name, Answer { status, body, .. }) = (&operation.name, &answer);
                wrong.push(format!(
                    "{name}: {who} is answered {status} instead of {cell}: {body}"
                ));
            }
        }
        wrong
    }

    /// Checks that Ada's things and her team's credits are as they were made.
    async fn changed_nothing(&self, cast: &Cast<'_>) {
        let books = cast.ada.team_books(id(&cast.team)).await;
        assert_eq!(books.balance(), (75, 0));
        for (name, path) in [
            ("generation_id", "generations"),
            ("project_id", "projects"),
            ("style_id", "styles"),
            ("file_id", "files"),
        ] {
            let mut things = self.hers.iter();
            let (_, hers) = things.find(|(known, _)| *known == name).unwrap();
            cast.ada.get(&format!("/{path}/{hers}")).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_those_who_may_not_use_it_as_the_table_says() {
    let cloud = Cloud::with_admin().await;
    let cast = Cast::new(&cloud).await;
    let refused = Refused::new(&cloud, &cast).await;
    let (table, mut wrong) = (table(), Vec::new());
    let mut unknown: Vec<_> = table.keys().cloned().collect();
    for operation in operations() {
        let name = &operation.name;
        unknown.retain(|known| known != name);
        let is_own_read = operation.is_own_read();
        let Some(row) = table.get(name).or(is_own_read.then_some(&OWN_READ)) else {
            wrong.push(format!("{name}: access.txt has no such row"));
            continue;
        };
        wrong.extend(
            refused
                .wrong_answers((&cloud, &cast), &operation, row)
                .await,
        );
    }
    assert!(
        wrong.is_empty() && unknown.is_empty(),
        "{wrong:#?}\n{unknown:#?}"
    );
    refused.changed_nothing(&cast).await;
}

/// Makes a project with this visibility; its id.
async fn project(person: &Person<'_>, visibility: &str) -> String {
    let body = json!({"name": "Foxes", "visibility": visibility});
    person.post("/projects", &body).await.text("id")
}

/// The body to ask with: the document's example, unless that names a missing thing.
fn body_for(operation: &Operation, team: &str) -> Value {
    match operation.name.as_str() {
        "POST /generations/{generation_id}/move" => json!({"project_id": null}),
        "POST /generations/{generation_id}/collaborations" => {
            json!({"team_id": team, "type": "improve"})
        }
        "PATCH /projects/{project_id}" => json!({"name": "Owls"}),
        _ => operation.body.clone(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_of_a_generation_or_a_project_answers_visitors_and_roles_as_the_table_says() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let team = id(&cast.team);
    let bob = cloud.verified().await;
    join(&cast.ada, &cast.team, &bob, "admin").await;
    let fund = format!("{}/credits/transfer", cast.team);
    let amount = json!({"amount": 200});
    cast.ada.post(&fund, &amount).await.expect(201);
    let made = async || {
        let made = bob.generate_for(team, "flux-dev", "the team's").await;
        bob.when(&made, "succeeded").await;
        made
    };
    let shared = project(&bob, "team-only").await;
    let grant = bob.request(Method::PUT, &format!("/projects/{shared}{}", cast.team));
    let grant = grant.json(&json!({"access_level": "admin"}));
    send(grant).await.expect(200);
    let public = project(&bob, "public").await;
    let order = json!({"prompt": "for all to see", "project_id": public});
    let shown = bob.post("/generations/flux-dev", &order).await.text("id");
    bob.when(&shown, "succeeded").await;
    let things = |generation: &str, project: &str| {
        let ids = [generation, project, team].map(str::to_owned);
        Vec::from_iter(
            ["generation_id", "project_id", "team_id"]
                .into_iter()
                .zip(ids),
        )
    };
    let (ours, table, mut wrong) = (made().await, table(), Vec::new());
    for mut operation in operations() {
        let names = |what: &str| operation.path.contains(what);
        if !names("{generation_id}") && !names("{project_id}") {
            continue;
        }
        operation.body = body_for(&operation, team);
        let Some((visitor, roles)) = table.get(&operation.name).and_then(|row| row.others) else {
            wrong.push(format!(
                "{}: access.txt has no roles for it",
                operation.name
            ));
            continue;
        };
        let mut asks = vec![(&cast.stranger, things(&shown, &public), visitor)];
        for (person, cell) in cast.everybody().into_iter().zip(roles) {
            // A deleted generation would be missing for everybody after.
            let generation = match (&operation.method, cell) {
                (&Method::DELETE, "204") if operation.path.ends_with('}') => made().await,
                _ => ours.clone(),
            };
            asks.push((person, things(&generation, &shared), cell));
        }
        for (place, (person, things, cell)) in asks.into_iter().enumerate() {
            let answer = operation.ask(&cloud, &person.token, &things).await;
            if answer.status.to_string() != cell {
                let (name, Answer { status, body, .. }) = (&operation.name, &answer);
                wrong.push(format!(
                    "{name}: {place} is answered {status} instead of {cell}: {body}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
