// Shows the OpenAPI document, and signs its reader in so that operations can be tried.
// The access token stays in this page's memory: it is gone with the page.
"use strict";

const api = new URL(".", document.location.href).href;
const byId = (id) => document.getElementById(id);

async function show() {
  const answer = await fetch(api + "openapi.json");
  const spec = await answer.json();
  // Wherever this page is served, the API is beside it.
  spec.servers = [{ url: api.replace(/\/$/, "") }];
  return SwaggerUIBundle({
    spec,
    dom_id: "#operations",
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    docExpansion: "none",
    filter: true,
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
}

async function signIn(viewer, email, password) {
  const answer = await fetch(api + "auth/login", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password }),
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  viewer.preauthorizeApiKey("accessToken", said.access_token);
  return said.user;
}

function told(trouble) {
  byId("trouble").textContent = trouble;
  byId("trouble").hidden = !trouble;
}

function known(user) {
  byId("who").textContent = user ? user.email : "";
  byId("signed-in").hidden = !user;
  byId("sign-in").hidden = Boolean(user);
}

show().then((viewer) => {
  byId("sign-in").addEventListener("submit", async (event) => {
    event.preventDefault();
    told("");
    try {
      known(await signIn(viewer, byId("email").value, byId("password").value));
    } catch (error) {
      told(error.message);
    }
    byId("password").value = "";
  });
  byId("sign-out").addEventListener("click", () => {
    viewer.authActions.logout(["accessToken"]);
    known(null);
  });
}).catch((error) => told("The document cannot be shown: " + error.message));
