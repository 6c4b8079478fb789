//! The template's tables, buckets, queues and API keys, made in the AWS services.

use fakeaws::{ApiKeySpec, CorsRule, FakeAws, QueueSpec, Redrive, UsagePlanSpec};

use crate::Error;
use crate::template::Template;
use crate::template::plans::{ApiKey, UsagePlan};

/// Creates the tables, the buckets and the queues.
pub async fn create(template: &Template, aws: &FakeAws) -> Result<(), Error> {
    let failed = |problem: fakeaws::Error| Error::new(problem.to_string());
    for table in &template.tables {
        let ttl = table.ttl_attribute.as_deref();
        aws.create_table(table.create.clone(), ttl)
            .await
            .map_err(failed)?;
    }
    for bucket in &template.buckets {
        aws.create_bucket(&bucket.name).await.map_err(failed)?;
        let rules = bucket.cors.iter().cloned().map(|rule| CorsRule {
            origins: rule.origins,
            methods: rule.methods,
            headers: rule.headers,
            exposed: rule.exposed,
            max_age_s: rule.max_age_s,
        });
        aws.set_cors(&bucket.name, rules.collect());
    }
    for queue in &template.queues {
        let redrive = queue
            .redrive
            .clone()
            .map(|(dead_letter_queue, max_receive_count)| Redrive {
                dead_letter_queue,
                max_receive_count,
            });
        let spec = QueueSpec {
            name: queue.name.clone(),
            visibility_timeout_s: queue.visibility_timeout_s,
            retention_s: queue.retention_s,
            delay_s: queue.delay_s,
            receive_wait_s: queue.receive_wait_s,
            redrive,
        };
        aws.sqs().create_queue(spec).await.map_err(failed)?;
    }
    Ok(())
}

/// Declares the usage plans and their keys.
pub async fn declare_keys(template: &Template, aws: &FakeAws) -> Result<(), Error> {
    let plan = |plan: &UsagePlan| UsagePlanSpec {
        id: plan.id.clone(),
        quota_a_day: plan.quota_a_day,
    };
    let key = |key: &ApiKey| ApiKeySpec {
        id: key.id.clone(),
        value: key.value.clone(),
        enabled: key.enabled,
        plans: key.plans.clone(),
    };
    let plans = template.plans.plans.iter().map(plan).collect();
    let keys = template.plans.keys.iter().map(key).collect();
    let declared = aws.api_keys().declare(plans, keys).await;
    declared.map_err(|problem| Error::new(problem.to_string()))
}
