//! The groups of operations.

use super::Table;

pub(crate) const SERVICE: Table = Table {
    tag: "service",
    about: "The service itself: whether it runs, its keys, this document.",
};
pub(crate) const ACCOUNTS: Table = Table {
    tag: "accounts",
    about: "Registering, signing in, one's profile and API keys.",
};
pub(crate) const MODELS: Table = Table {
    tag: "models",
    about: "The models, and their prices.",
};
pub(crate) const GENERATIONS: Table = Table {
    tag: "generations",
    about: "Making images, videos and sound, and their results.",
};
pub(crate) const STYLES: Table = Table {
    tag: "styles",
    about: "Descriptions of how results look, which have a name and can be applied to any prompt.",
};
pub(crate) const CREDITS: Table = Table {
    tag: "credits",
    about: "The wallet, its ledger, and ways to fill it.",
};
pub(crate) const PROJECTS: Table = Table {
    tag: "projects",
    about: "Filing generations, and who may look at them.",
};
pub(crate) const TEAMS: Table = Table {
    tag: "teams",
    about: "Working together: members, roles, invitations, a shared wallet.",
};
pub(crate) const FILES: Table = Table {
    tag: "files",
    about: "Uploading reference images.",
};
pub(crate) const WEBHOOK_ENDPOINTS: Table = Table {
    tag: "webhook-endpoints",
    about: "Getting events at an address of your own.",
};
pub(crate) const ADMIN: Table = Table {
    tag: "admin",
    about: "For the platform's administrators.",
};
pub(crate) const WEBHOOKS: Table = Table {
    tag: "webhooks",
    about: "For the provider and for Stripe, which are authenticated by their signatures.",
};

/// Every group, in the document's order.
pub(crate) const ALL: [Table; 12] = [
    SERVICE,
    ACCOUNTS,
    MODELS,
    GENERATIONS,
    STYLES,
    CREDITS,
    PROJECTS,
    TEAMS,
    FILES,
    WEBHOOK_ENDPOINTS,
    ADMIN,
    WEBHOOKS,
];
