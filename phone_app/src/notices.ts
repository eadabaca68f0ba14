/** Notices of the operating system. They never carry content: only that something waits. */

import { t } from "./strings";

export type NoticeState = "allowed" | "ask" | "denied" | "unsupported";

export function canNotify(): NoticeState {
  if (!("Notification" in globalThis) || !("serviceWorker" in navigator)) return "unsupported";
  if (Notification.permission === "granted") return "allowed";
  return Notification.permission === "denied" ? "denied" : "ask";
}

/** Asks the person; must be called from a touch or a click. */
export async function askToNotify(): Promise<boolean> {
  return (await Notification.requestPermission()) === "granted";
}

/** Shows a notice when the app is open and out of sight. The same tag replaces the earlier one. */
export async function notifyHidden(): Promise<void> {
  if (document.visibilityState === "visible" || canNotify() !== "allowed") return;
  const registration = await navigator.serviceWorker.getRegistration();
  await registration?.showNotification(t.product, { body: t.home.arrived, tag: "linkid-waiting", icon: "/icons/icon-192.png", badge: "/icons/badge-96.png" });
}
