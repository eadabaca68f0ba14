/**
 * What a page uses: `await linkid({ do: "certificates" })`. Copy this file; docs/desktop.md has the requests and answers.
 *
 * Resolves with what stands in `ok`. Rejects with an Error whose `code` is the protocol's, or `no_extension` when no
 * extension took the request. How long the holder takes is theirs to say: the request itself lives three minutes.
 */
const TAKEN_MS = 5_000;

export function linkid(request) {
  return new Promise((resolve, reject) => {
    const id = crypto.randomUUID();
    const timer = setTimeout(() => end(() => reject(coded("no_extension", "A extensão Link ID não está neste navegador."))), TAKEN_MS);
    function heard(event) {
      if (event.source !== window || event.data?.id !== id) return;
      if (event.data.linkid === "taken") clearTimeout(timer);
      if (event.data.linkid !== "answer") return;
      const { ok, error } = event.data.message;
      end(() => (error ? reject(coded(error.code, error.message)) : resolve(ok)));
    }
    function end(act) {
      clearTimeout(timer);
      removeEventListener("message", heard);
      act();
    }
    addEventListener("message", heard);
    postMessage({ linkid: "request", id, request }, location.origin);
  });
}

const coded = (code, message) => Object.assign(new Error(message), { code });
