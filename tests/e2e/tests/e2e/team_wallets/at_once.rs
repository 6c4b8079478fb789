//! Many orders at once, and orders while a team loses a member, gets credits, or ends.

use futures::future::join_all;
use serde_json::json;

use super::{PICTURE, cap, committed, fund, id};
use crate::harness::Cloud;
use crate::teams::Cast;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_orders_at_once_by_three_members_stay_within_every_cap_and_the_wallet() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        admin,
        editor,
        contributor,
        ..
    } = &cast;
    fund(ada, team, 500).await;
    let spenders = [(admin, Some(200)), (editor, Some(130)), (contributor, None)];
    for (member, at_most) in spenders {
        cap(ada, team, member, at_most).await;
    }
    let orders = (0..100).map(|n| spenders[n % 3].0.ask_for(team, "flux-dev", "one of many"));
    let answers = join_all(orders).await;
    let mut taken = [0, 0, 0];
    for (n, answer) in answers.iter().enumerate() {
        match answer.status {
            202 => taken[n % 3] += 1,
            402 => {
                let code = answer.text("code");
                assert!(
                    matches!(code.as_str(), "member_cap_reached" | "out_of_credits"),
                    "{code}"
                );
            }
            503 => {}
            _ => panic!("{:?}", answer.body),
        }
    }
    assert!(taken[0] <= 8 && taken[1] <= 5, "{taken:?}");
    let total: i64 = taken.iter().sum();
    assert!(total <= 20, "{taken:?}");
    for ((member, _), taken) in spenders.into_iter().zip(taken) {
        assert_eq!(committed(ada, team, member).await, taken * PICTURE);
    }
    for answer in answers.iter().filter(|answer| answer.status == 202) {
        ada.when(&answer.text("id"), "succeeded").await;
    }
    assert_eq!(
        ada.team_books(id(team)).await.balance(),
        (500 - total * PICTURE, 0)
    );
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_against_removal_deletion_and_funding_end_in_one_of_the_two_orders() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let Cast {
        team,
        ada,
        editor,
        contributor,
        ..
    } = &cast;
    fund(ada, team, 100).await;
    let path = format!("{team}/members/{}", contributor.id);
    let (order, removed) = tokio::join!(
        contributor.ask_for(team, "flux-dev", "a last fox"),
        ada.delete(&path)
    );
    assert_eq!(removed.status, 204, "{:?}", removed.body);
    assert!(matches!(order.status, 202 | 404), "{:?}", order.body);
    contributor
        .ask_for(team, "flux-dev", "too late")
        .await
        .problem(404, "not_found");
    if order.status == 202 {
        ada.when(&order.text("id"), "succeeded").await;
    }
    let spent = if order.status == 202 { PICTURE } else { 0 };

    let body = json!({"amount": 50});
    let transfer = format!("{team}/credits/transfer");
    let (order, funded) = tokio::join!(
        editor.ask_for(team, "flux-dev", "while it is filled"),
        ada.post(&transfer, &body)
    );
    assert_eq!(
        (order.status, funded.status),
        (202, 201),
        "{:?} {:?}",
        order.body,
        funded.body
    );
    ada.when(&order.text("id"), "succeeded").await;
    let left = 100 - spent + 50 - PICTURE;
    assert_eq!(ada.team_books(id(team)).await.balance(), (left, 0));

    let (order, deleted) = tokio::join!(
        editor.ask_for(team, "flux-dev", "while it ends"),
        ada.delete(team)
    );
    let home = 1_000 - 150;
    match (order.status, deleted.status) {
        (404 | 402, 204) => assert_eq!(ada.books().await.balance(), (home + left, 0)),
        (202, 409) => {
            ada.when(&order.text("id"), "succeeded").await;
            ada.delete(team).await.expect(204);
            assert_eq!(ada.books().await.balance(), (home + left - PICTURE, 0));
        }
        other => panic!("{other:?}: {:?} {:?}", order.body, deleted.body),
    }
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
}
