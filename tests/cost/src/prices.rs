//! AWS's prices, and the amounts that are free in every month, for ever.
//!
//! Region us-east-1, in US dollars, as AWS published them in 2025; written down on 2026-11-29 without a look
//! at the pages named here, so look before you rely on a price. The amounts that are free for the first
//! twelve months only are not counted.

/// The price of a use beyond the free amount.
#[derive(Clone, Copy, Debug)]
pub struct Price {
    /// The line of the bill.
    pub name: &'static str,
    /// The price of one, in dollars.
    pub each: f64,
    /// The free amount in a month.
    pub free: f64,
}

impl Price {
    const fn new(name: &'static str, each: f64, free: f64) -> Self {
        Self { name, each, free }
    }

    /// The price of this amount in a month.
    pub fn of(&self, quantity: f64) -> f64 {
        (quantity - self.free).max(0.0) * self.each
    }
}

/// <https://aws.amazon.com/api-gateway/pricing/>: REST, the first 333 million requests.
pub const REQUEST: Price = Price::new("API Gateway, requests", 3.50e-6, 0.0);
/// <https://aws.amazon.com/lambda/pricing/>.
pub const INVOCATION: Price = Price::new("Lambda, invocations", 0.20e-6, 1e6);
/// The same page: arm64, GB-seconds.
pub const GIGABYTE_SECOND: Price = Price::new("Lambda, time on arm64", 13.333_4e-6, 400_000.0);
/// <https://aws.amazon.com/dynamodb/pricing/on-demand/>.
pub const READ_UNIT: Price = Price::new("DynamoDB, reads", 0.125e-6, 0.0);
/// The same page.
pub const WRITE_UNIT: Price = Price::new("DynamoDB, writes", 0.625e-6, 0.0);
/// The same page: a GB kept, with continuous backups ($0.25 and $0.20). 25 GB are free, but their backups are
/// not.
pub const TABLE_GIGABYTE: Price = Price::new("DynamoDB, kept and backed up", 0.45, 0.0);
/// <https://aws.amazon.com/sqs/pricing/>: standard queues.
pub const MESSAGE_REQUEST: Price = Price::new("SQS, requests", 0.40e-6, 1e6);
/// <https://aws.amazon.com/s3/pricing/>.
pub const OBJECT_PUT: Price = Price::new("S3, writes", 5.0e-6, 0.0);
/// The same page: a GB kept for a month.
pub const OBJECT_GIGABYTE: Price = Price::new("S3, kept", 0.023, 0.0);
/// <https://aws.amazon.com/ec2/pricing/on-demand/>: a GB to the internet.
pub const GIGABYTE_OUT: Price = Price::new("Traffic to the internet", 0.09, 100.0);
/// <https://aws.amazon.com/cloudwatch/pricing/>: a GB of logs taken in.
pub const LOG_GIGABYTE: Price = Price::new("CloudWatch, logs", 0.50, 5.0);
/// The same page: an alarm on one metric; an alarm on several metrics counts as several.
pub const ALARM: Price = Price::new("CloudWatch, alarms", 0.10, 10.0);
/// The same page: a metric of our own.
pub const METRIC: Price = Price::new("CloudWatch, metrics", 0.30, 10.0);
/// The same page.
pub const DASHBOARD: Price = Price::new("CloudWatch, dashboards", 3.0, 3.0);
/// <https://aws.amazon.com/xray/pricing/>: a recorded trace.
pub const TRACE: Price = Price::new("X-Ray, traces", 5.0e-6, 100_000.0);
/// <https://aws.amazon.com/eventbridge/pricing/>: the scheduler.
pub const SCHEDULED: Price = Price::new("EventBridge Scheduler", 1.0e-6, 14e6);

/// Comparable servers that are always on, and their price a month, for any number of generations.
pub const ALWAYS_ON: [(&str, f64); 2] = [
    // <https://aws.amazon.com/ec2/pricing/on-demand/>: t4g.micro (1 GB) $6.13, 20 GB of
    // gp3 $1.60, an IPv4 address $3.65.
    (
        "new-api on one t4g.micro, SQLite beside it, no copy of anything",
        11.38,
    ),
    // t4g.medium (4 GB) $24.53, 20 GB $1.60, IPv4 $3.65, and RDS for PostgreSQL
    // on db.t4g.micro with 20 GB $13.98.
    (
        "LiteLLM on one t4g.medium, PostgreSQL on the smallest RDS",
        43.76,
    ),
];
