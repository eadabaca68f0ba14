/** The phone app starts here. */

import "./style.css";
import { App } from "./app";
import type { Opened } from "./ceremony";
import { watchInstallOffer } from "./install";
import { Keystore, NoStorage } from "./keystore";
import { notifyHidden } from "./notices";
import { keepReachable } from "./push";
import { showCode } from "./screens/code";
import { showCredential, showTrial } from "./screens/credential";
import { openItem, showHome, wasOpened } from "./screens/home";
import { showNickname, showNotifications } from "./screens/nickname";
import { showWelcome } from "./screens/welcome";
import { t } from "./strings";
import { loadTrust } from "./trust";
import { actions, button, lead } from "./ui/parts";
import { Shell } from "./ui/shell";
import { keepUpdated } from "./updates";

async function start(root: HTMLElement): Promise<void> {
  watchInstallOffer();
  if (!isSecureContext) return showStartProblem(root, t.problems.insecure);
  let app: App;
  try {
    const [trust, keystore] = await Promise.all([loadTrust(), Keystore.open()]);
    app = new App(new Shell(root, trust.environment), trust, keystore, await keystore.deviceKey(), await keystore.profile());
  } catch (error) {
    return showStartProblem(root, error instanceof NoStorage ? t.problems.noStorage : t.problems.noTrust);
  }
  app.setHome(() => showFirst(app));
  app.inbox.listen((arrived) => arrive(app, arrived));
  stayAwake(app);
  navigator.serviceWorker?.addEventListener("message", () => app.refresh()); // a push reached the service worker
  keepUpdated(app.shell, () => app.shell.name === "home" || app.shell.name === "welcome");
  showFirst(app);
  if (app.isPaired) void keepReachable(app.gateway);
}

/** Something new waits: it is announced, and offered where the screen does not open it by itself. */
function arrive(app: App, arrived: Opened[]): void {
  const next = arrived[0];
  if (next === undefined) return;
  app.shell.announce(t.home.arrived);
  void notifyHidden();
  if (!app.isPaired || app.shell.name === "home" || wasOpened(next)) return;
  app.shell.offer(t.home.arrived, t.home.open, () => {
    app.shell.withdraw();
    openItem(app, next);
  });
}

/** After this long out of sight, a connection is not trusted to be alive. */
const SLEPT_MS = 15_000;

function stayAwake(app: App): void {
  let hiddenAt = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") hiddenAt = Date.now();
    else if (app.profile.token !== undefined) {
      if (Date.now() - hiddenAt > SLEPT_MS) app.live.restart();
      app.refresh();
    }
  });
  window.addEventListener("online", () => app.live.restart());
}

/** The first screen for who this phone is now: a pairing under way goes on where it was. */
function showFirst(app: App): void {
  const step = app.profile.step;
  if (step === undefined) return app.isPaired ? showHome(app) : showWelcome(app);
  switch (step.at) {
    case "code":
      return showCode(app);
    case "nickname":
      return showNickname(app);
    case "notifications":
      return showNotifications(app);
    case "credential":
    case "password":
      return showCredential(app);
    case "trial":
      return showTrial(app);
  }
}

function showStartProblem(root: HTMLElement, text: string): void {
  const shell = new Shell(root, "production");
  shell.show({
    name: "start-problem",
    title: t.problems.startTitle,
    content: [lead(text), actions(button(t.common.tryAgain, "primary", () => location.reload()))],
  });
}

const root = document.getElementById("app");
if (root !== null) void start(root);
