/** “Não sou um robô”: a proof of work that this device does by itself. Nobody else is asked, nothing is tracked. */

import { solveChallengeWorkers } from "altcha-lib";
import type { Challenge } from "altcha-lib/types";
import type { Gateway } from "../api";
import { asObject } from "../encoding";
import { ownScript } from "../scripts";
import captchaWorker from "../workers/captcha.worker?worker&url";

/** A second on most devices; beyond this something is wrong with it. */
const TIMEOUT_MS = 90_000;
const MOST_WORKERS = 4;
/** Rounds that the gateway may ask of one attempt. More would be an attack on this device. */
const MOST_COST = 1_000_000;

/** Asks for a challenge and solves it; the text that goes along with the form. Throws when it does not end in time. */
export async function solveCaptcha(gateway: Gateway): Promise<string> {
  const answer = await gateway.call("GET", "/emission/v1/captcha");
  const challenge = answer as unknown as Challenge;
  const cost = asObject(answer.parameters).cost;
  if (typeof cost !== "number" || cost > MOST_COST) throw new Error("a captcha that asks too much");
  const solution = await solveChallengeWorkers({
    challenge,
    concurrency: Math.max(1, Math.min(MOST_WORKERS, (navigator.hardwareConcurrency || 2) - 1)),
    createWorker: () => new Worker(ownScript(captchaWorker), { type: "module" }),
    timeout: TIMEOUT_MS,
  });
  if (solution === null) throw new Error("the captcha was not solved in time");
  return btoa(JSON.stringify({ challenge: { parameters: challenge.parameters, signature: challenge.signature }, solution }));
}
