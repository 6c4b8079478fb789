//! Everything that a team does, done once: Ada makes one with Bob, and they end it.

use reqwest::Method;
use serde_json::{Value, json};

use super::{act, month};
use crate::calls::Sheet;
use crate::harness::{Person, token_in};
use crate::teams::INVITED;

/// A team of Ada's, with Bob, who is invited into it.
struct Team<'a, 'b> {
    ada: &'a Person<'b>,
    bob: &'a Person<'b>,
    /// Its id, and its path.
    id: &'a str,
    path: &'a str,
}

pub async fn works_in_a_team(sheet: &mut Sheet<'_>, ada: &Person<'_>, round: usize) {
    let cloud = sheet.cloud;
    let bob = Person::register_as(cloud, &format!("bob-{round}@example.org")).await;
    cloud.verify_by_hand(&bob).await;
    let named = json!({"name": "Foxes"});
    let make = act(ada, Method::POST, "/teams", &named);
    let made = sheet.note(&["teams-create"], make).await;
    let id = made["id"].as_str().unwrap();
    let path = format!("/teams/{id}");
    let team = Team {
        ada,
        bob: &bob,
        id,
        path: &path,
    };
    declines_an_invitation(sheet, &team).await;
    accepts_an_invitation(sheet, &team).await;
    spends_its_credits(sheet, &team).await;
    looks_at_it(sheet, &team).await;
    shares_a_project(sheet, ada, &bob, &path).await;
    shares_a_generation(sheet, ada, id).await;
    shares_a_style(sheet, ada, &bob, id).await;
    ends_it(sheet, &team).await;
}

/// Ada invites Bob, twice by letter, and he declines.
async fn declines_an_invitation(sheet: &mut Sheet<'_>, team: &Team<'_, '_>) {
    let Team { ada, bob, path, .. } = *team;
    let cloud = sheet.cloud;
    let invitations = format!("{path}/invitations");
    let body = json!({"email": bob.email, "role": "editor"});
    let invite = async {
        let invited = act(ada, Method::POST, &invitations, &body).await;
        cloud.letters(&bob.email, INVITED, 1).await;
        invited
    };
    let notes = ["teams-invitations-create", "jobs-mail, an invitation"];
    let invited = sheet.note(&notes, invite).await;
    let list = act(ada, Method::GET, &invitations, &Value::Null);
    sheet.note(&["teams-invitations-list"], list).await;
    let one = format!("{invitations}/{}", invited["id"].as_str().unwrap());
    let resend = act(ada, Method::POST, &format!("{one}/resend"), &Value::Null).await;
    assert_eq!(resend["status"], "pending");
    let letters = cloud.letters(&bob.email, INVITED, 2).await;
    let token = json!({"token": token_in(&letters[1])});
    let decline = act(bob, Method::POST, "/invitations/decline", &token);
    sheet.note(&["teams-invitations-decline"], decline).await;
}

/// Ada invites Bob again: one invitation is cancelled, and the other is sent twice and accepted.
async fn accepts_an_invitation(sheet: &mut Sheet<'_>, team: &Team<'_, '_>) {
    let Team { ada, bob, path, .. } = *team;
    let cloud = sheet.cloud;
    let invitations = format!("{path}/invitations");
    let body = json!({"email": bob.email, "role": "editor"});
    let invited = act(ada, Method::POST, &invitations, &body).await;
    cloud.letters(&bob.email, INVITED, 3).await;
    let one = format!("{invitations}/{}", invited["id"].as_str().unwrap());
    let cancel = act(ada, Method::DELETE, &one, &Value::Null);
    sheet.note(&["teams-invitations-cancel"], cancel).await;
    let invited = act(ada, Method::POST, &invitations, &body).await;
    cloud.letters(&bob.email, INVITED, 4).await;
    let one = format!("{invitations}/{}/resend", invited["id"].as_str().unwrap());
    let (resent, letters) = tokio::join!(
        sheet.note(
            &["teams-invitations-resend"],
            act(ada, Method::POST, &one, &Value::Null)
        ),
        cloud.letters(&bob.email, INVITED, 5)
    );
    assert_eq!(resent["status"], "pending");
    let token = json!({"token": token_in(&letters[4])});
    let accept = act(bob, Method::POST, "/invitations/accept", &token);
    sheet.note(&["teams-invitations-accept"], accept).await;
}

/// Ada gives the team credits, and Bob generates with them.
async fn spends_its_credits(sheet: &mut Sheet<'_>, team: &Team<'_, '_>) {
    let Team { ada, bob, id, path } = *team;
    let (transfer, amount) = (format!("{path}/credits/transfer"), json!({"amount": 100}));
    let transfer = act(ada, Method::POST, &transfer, &amount);
    sheet.note(&["teams-credits-transfer"], transfer).await;
    let body = json!({"prompt": "A fox of the team", "team_id": id});
    let create = async {
        let answer = act(bob, Method::POST, "/generations/flux-dev", &body).await;
        bob.when(answer["id"].as_str().unwrap(), "succeeded").await;
    };
    sheet
        .note(&["generations-create, for a team"], create)
        .await;
}

/// Ada looks at the team and everything of it, and changes it.
async fn looks_at_it(sheet: &mut Sheet<'_>, team: &Team<'_, '_>) {
    let Team { ada, bob, path, .. } = *team;
    let member = format!("{path}/members/{}", bob.id);
    let alerts = format!("{path}/credits/alerts");
    let watch = json!({"cap_percent": [80]});
    let cap = json!({"credit_cap": 50});
    let (members, stats) = (format!("{path}/members"), format!("{path}/stats"));
    let (activity, audit) = (format!("{path}/activity"), format!("{path}/audit"));
    let (balance, ledger) = (
        format!("{path}/credits"),
        format!("{path}/credits/transactions"),
    );
    let export = format!("{path}/credits/export?month={}", month());
    let change = json!({"description": "At dawn"});
    for (function, method, path, body) in [
        ("teams-list", Method::GET, "/teams", &Value::Null),
        ("teams-get", Method::GET, path, &Value::Null),
        ("teams-update", Method::PATCH, path, &change),
        ("teams-members-list", Method::GET, &members, &Value::Null),
        ("teams-members-update", Method::PATCH, &member, &cap),
        ("teams-stats", Method::GET, &stats, &Value::Null),
        ("teams-activity", Method::GET, &activity, &Value::Null),
        ("teams-audit", Method::GET, &audit, &Value::Null),
        ("teams-credits-alerts", Method::GET, &alerts, &Value::Null),
        ("teams-credits-alerts-set", Method::PUT, &alerts, &watch),
        ("teams-credits-balance", Method::GET, &balance, &Value::Null),
        ("teams-credits-export", Method::GET, &export, &Value::Null),
        (
            "teams-credits-transactions",
            Method::GET,
            &ledger,
            &Value::Null,
        ),
    ] {
        sheet.note(&[function], act(ada, method, path, body)).await;
    }
}

/// Ada hands the team over to Bob and leaves; he takes her in, removes her, and deletes the team.
async fn ends_it(sheet: &mut Sheet<'_>, team: &Team<'_, '_>) {
    let Team { ada, bob, path, .. } = *team;
    let to_bob = json!({"user_id": bob.id});
    let transfer = format!("{path}/transfer-ownership");
    let hand_over = act(ada, Method::POST, &transfer, &to_bob);
    sheet.note(&["teams-transfer-ownership"], hand_over).await;
    let leave = format!("{path}/leave");
    let leave = act(ada, Method::POST, &leave, &Value::Null);
    sheet.note(&["teams-leave"], leave).await;
    let body = json!({"email": ada.email, "role": "viewer"});
    act(bob, Method::POST, &format!("{path}/invitations"), &body).await;
    let letters = sheet.cloud.letters(&ada.email, INVITED, 1).await;
    let token = json!({"token": token_in(&letters[0])});
    act(ada, Method::POST, "/invitations/accept", &token).await;
    let member = format!("{path}/members/{}", ada.id);
    let remove = act(bob, Method::DELETE, &member, &Value::Null);
    sheet.note(&["teams-members-remove"], remove).await;
    let delete = act(bob, Method::DELETE, path, &Value::Null);
    sheet.note(&["teams-delete"], delete).await;
}

/// Ada shares a project with the team that Bob is in.
async fn shares_a_project(sheet: &mut Sheet<'_>, ada: &Person<'_>, bob: &Person<'_>, team: &str) {
    let body = json!({"name": "Shared", "visibility": "team-only"});
    let made = act(ada, Method::POST, "/projects", &body).await;
    let project = format!("/projects/{}", made["id"].as_str().unwrap());
    let (grant, privacy) = (format!("{project}{team}"), format!("{project}/privacy"));
    let (grants, shared) = (format!("{project}/teams"), format!("{team}/projects"));
    let (level, flags) = (
        json!({"access_level": "write"}),
        json!({"hide_from_other_teams": true}),
    );
    for (function, person, method, path, body) in [
        ("projects-teams-put", ada, Method::PUT, &grant, &level),
        ("projects-privacy", ada, Method::GET, &privacy, &Value::Null),
        ("projects-privacy-set", ada, Method::PUT, &privacy, &flags),
        (
            "projects-get, through a team",
            bob,
            Method::GET,
            &project,
            &Value::Null,
        ),
        (
            "projects-teams-list",
            bob,
            Method::GET,
            &grants,
            &Value::Null,
        ),
        ("teams-projects", bob, Method::GET, &shared, &Value::Null),
    ] {
        sheet
            .note(&[function], act(person, method, path, body))
            .await;
    }
    let id = bob.generate("flux-dev", "A grey fox").await;
    bob.when(&id, "succeeded").await;
    let (path, into) = (
        format!("/generations/{id}/move"),
        json!({"project_id": made["id"]}),
    );
    let file = act(bob, Method::POST, &path, &into);
    sheet.note(&["generations-move"], file).await;
    let end = act(ada, Method::DELETE, &grant, &Value::Null);
    sheet.note(&["projects-teams-delete"], end).await;
}

/// Ada shares a generation of her own with the team.
async fn shares_a_generation(sheet: &mut Sheet<'_>, ada: &Person<'_>, team: &str) {
    let id = ada.generate("flux-dev", "A fox for the team").await;
    ada.when(&id, "succeeded").await;
    let all = format!("/generations/{id}/collaborations");
    let (one, proposal) = (
        format!("{all}/{team}"),
        json!({"team_id": team, "type": "improve"}),
    );
    let with_team = format!("/generations?shared_with_team_id={team}");
    for (function, method, path, body) in [
        (
            "generations-collaborations-create",
            Method::POST,
            &all,
            &proposal,
        ),
        (
            "generations-collaborations-list",
            Method::GET,
            &all,
            &Value::Null,
        ),
        (
            "generations-list, shared with a team",
            Method::GET,
            &with_team,
            &Value::Null,
        ),
        (
            "generations-collaborations-delete",
            Method::DELETE,
            &one,
            &Value::Null,
        ),
    ] {
        sheet.note(&[function], act(ada, method, path, body)).await;
    }
}

/// Ada and Bob have a style in their team.
async fn shares_a_style(sheet: &mut Sheet<'_>, ada: &Person<'_>, bob: &Person<'_>, team: &str) {
    let style = json!({"name": "Ours", "blocks": {"style": "charcoal"}, "team_id": team});
    let make = act(ada, Method::POST, "/styles", &style);
    let made = sheet.note(&["styles-create, for a team"], make).await;
    let path = format!("/styles/{}", made["id"].as_str().unwrap());
    let list = format!("/styles?team_id={team}");
    let order = json!({"prompt": "A red fox", "style_id": made["id"]});
    let create = async {
        let answer = act(bob, Method::POST, "/generations/flux-dev", &order).await;
        bob.when(answer["id"].as_str().unwrap(), "succeeded").await;
    };
    let created = ["generations-create, in a team's style"];
    sheet.note(&created, create).await;
    for (function, path) in [
        ("styles-get, a team's", path.as_str()),
        ("styles-list, of a team", &list),
    ] {
        sheet.note(&[function], bob.get(path)).await.expect(200);
    }
}
