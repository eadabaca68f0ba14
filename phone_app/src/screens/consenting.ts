/**
 * The approval of a consent: an application wants to send the holder's password and code by itself.
 *
 * What it costs stands in the way of the yes: the box is ticked each time anew, beside the password.
 */

import type { App } from "../app";
import type { Opened } from "../ceremony";
import { t } from "../strings";
import { lead, notice, tick } from "../ui/parts";
import { showRequest } from "./approval";
import { limits } from "./session";

export function showConsenting(app: App, statement: Opened<"consent">): void {
  const document = statement.document;
  showRequest(app, statement, {
    title: t.consent.title,
    about: [lead(t.consent.lead), limits(document), notice("warning", t.consent.unseen)],
    consent: tick(t.consent.danger, t.consent.tick, t.consent.missing),
    fixed: t.consent.fixed,
    technical: [],
    approved: { title: t.consent.approved, text: t.consent.approvedWhat },
    back: () => showConsenting(app, statement),
  });
}
