"use strict";

/** Between a page and the background: adds nothing and believes nothing. `linkid-pages.js` is the page's side. */

window.addEventListener("message", (event) => {
  const asked = event.data;
  if (event.source !== window || event.origin !== location.origin || asked?.linkid !== "request") return;
  const say = (what) => window.postMessage({ ...what, id: asked.id }, location.origin);
  const port = chrome.runtime.connect();
  port.onMessage.addListener((message) => say({ linkid: "answer", message }));
  port.postMessage(typeof asked.request === "object" && asked.request !== null ? asked.request : {});
  say({ linkid: "taken" });
});
