/** One worker of the proof of work behind “Não sou um robô” (ALTCHA), so that the page stays alive meanwhile. */

import { deriveKey as pbkdf2 } from "altcha-lib/algorithms/web/pbkdf2";
import { deriveKey as sha } from "altcha-lib/algorithms/web/sha";
import type { DeriveKeyFunction } from "altcha-lib/types";
import { handler } from "altcha-lib/workers/shared";

const deriveKey: DeriveKeyFunction = (parameters, salt, password) =>
  parameters.algorithm.startsWith("PBKDF2/") ? pbkdf2(parameters, salt, password) : sha(parameters, salt, password);

handler({ deriveKey });
