/**
 * New versions: taken at once when nothing is being decided, else offered, and taken when nothing is any more. A signing app
 * must not run old code for long, and must not change under somebody's finger either.
 */

import { t } from "./strings";
import { ownScript } from "./scripts";
import type { Shell } from "./ui/shell";

/** How often to look, for an app that stays open for days. */
const LOOK_MS = 30 * 60 * 1000;

export function keepUpdated(shell: Shell, idle: () => boolean): void {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return;
  let controlled = navigator.serviceWorker.controller !== null;
  /** What brings the newer version; undefined while there is none. */
  let next: (() => void) | undefined;
  let wanted = false;
  const settle = (): void => {
    if (next !== undefined && (wanted || idle())) next();
  };
  const come = (step: () => void): void => {
    next = step;
    settle();
    if (!wanted && !idle()) {
      shell.offer(t.common.newVersion, t.common.update, () => {
        wanted = true;
        settle();
      });
    }
  };
  shell.onShown = settle;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    const first = !controlled; // the first one takes over without anybody noticing
    controlled = true;
    // Also when another window of ours took it. This page goes on with the files that it began with, which are still kept.
    if (!first) come(() => location.reload());
  });
  const ready = (worker: ServiceWorker): void => come(() => worker.postMessage("take-over"));
  void register().then((registration) => {
    if (registration === null) return;
    if (registration.waiting && controlled) ready(registration.waiting);
    registration.addEventListener("updatefound", () => {
      const worker = registration.installing;
      worker?.addEventListener("statechange", () => {
        if (worker.state === "installed" && controlled) ready(worker);
      });
    });
    setInterval(() => void registration.update().catch(() => undefined), LOOK_MS);
  });
}

async function register(): Promise<ServiceWorkerRegistration | null> {
  try {
    return await navigator.serviceWorker.register(ownScript("/sw.js"), { scope: "/", updateViaCache: "none" });
  } catch {
    return null; // without it the app works while there is a network
  }
}
