/**
 * Where this phone is reached while the app is closed: the browser's push subscription, told to the gateway at every start,
 * because browsers change it without saying so (docs/protocol.md section 9.2 `PUT push`).
 *
 * It is in nobody's way: what fails here costs only that a closed app does not ring, and the app shows everything when it opens.
 */

import type { Gateway } from "./api";
import { sameBytes, unb64u } from "./encoding";
import { canNotify } from "./notices";

/** `subscribe` and `ready` may never answer (no push service within reach, no service worker). */
const PATIENCE_MS = 15_000;

/** True once the gateway knows where to reach this phone. Asks for no permission. */
export async function keepReachable(gateway: Gateway): Promise<boolean> {
  if (canNotify() !== "allowed" || !("PushManager" in globalThis)) return false;
  try {
    const offer = await gateway.call("GET", "/phone/v1/push");
    if (typeof offer.webpush !== "string") return false;
    const registration = await inTime(navigator.serviceWorker.ready);
    const subscription = await inTime(subscribed(registration.pushManager, unb64u(offer.webpush)));
    const { endpoint, keys } = subscription.toJSON();
    if (endpoint === undefined || keys?.p256dh === undefined || keys.auth === undefined) return false;
    await gateway.call("PUT", "/phone/v1/push", { kind: "webpush", endpoint, p256dh: keys.p256dh, auth: keys.auth });
    return true;
  } catch {
    return false;
  }
}

/** The subscription under this key. One made under an older key of the gateway's would be refused at every push. */
async function subscribed(manager: PushManager, key: Uint8Array<ArrayBuffer>): Promise<PushSubscription> {
  const known = await manager.getSubscription();
  if (known !== null) {
    const its = known.options.applicationServerKey;
    if (its !== null && sameBytes(new Uint8Array(its), key)) return known;
    await known.unsubscribe();
  }
  return manager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

async function inTime<T>(wanted: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer")), PATIENCE_MS);
  });
  try {
    return await Promise.race([wanted, late]);
  } finally {
    clearTimeout(timer);
  }
}
