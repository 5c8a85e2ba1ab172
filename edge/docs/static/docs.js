// Draws the document that the page names, and the health of the domains where they are listed.
"use strict";

const target = document.getElementById("swagger-ui");
window.SwaggerUIBundle({
  url: target.dataset.document,
  domNode: target,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  withCredentials: true,
  validatorUrl: null,
});

for (const card of document.querySelectorAll("[data-health]")) {
  const state = card.querySelector(".state");
  fetch(card.dataset.health)
    .then((answer) => answer.json())
    .then((health) => {
      state.textContent = health.status;
      card.dataset.state = health.status;
    })
    .catch(() => {
      state.textContent = "no answer";
      card.dataset.state = "unavailable";
    });
}
