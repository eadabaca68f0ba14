"use strict";

/**
 * Carries one request of a page to the program on this computer, and its answer back. A process of its own for each:
 * a page that goes away hangs up on it, and what it asked leaves the phone.
 *
 * The origin is what the browser says of the sender; whatever a page wrote in its place is overwritten.
 */

const HOST = "linkid.desktop";
const VERSION = 1;

const failed = (code, message) => ({ linkid: VERSION, error: { code, message } });

chrome.runtime.onConnect.addListener((page) => {
  let native = null;
  page.onDisconnect.addListener(() => native?.disconnect());
  page.onMessage.addListener((request) => {
    if (native !== null) return; // one request for each port
    const origin = originOf(page.sender);
    if (origin === null) return answer(failed("invalid", "only pages on https, and not in a frame"));
    native = chrome.runtime.connectNative(HOST);
    native.onMessage.addListener((message) => {
      if (message.linkid === VERSION) answer(message);
      else if (!("version" in message)) answer(failed("invalid", "the request is too long, or none")); // not its greeting
    });
    native.onDisconnect.addListener(() => {
      void chrome.runtime.lastError; // seen: no program, or not for us
      answer(failed("not_available", "O Link ID Desktop não está neste computador."));
    });
    native.postMessage({ ...request, linkid: VERSION, origin });
  });

  function answer(message) {
    page.postMessage(message);
    page.disconnect();
    native?.disconnect();
  }
});

/** The page's origin, or null for what may not ask: frames, and what is no page of a tab. */
function originOf(sender) {
  if (sender?.tab === undefined || sender.frameId !== 0) return null;
  const origin = sender.origin ?? new URL(sender.url).origin;
  return origin.startsWith("https://") ? origin : null;
}
