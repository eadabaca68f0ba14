// The local page: listens to the program that opened it, shows what it says, sends one thing back (the check code).
// Texts are always put in as text; the QR is a path made of squares.
"use strict";

const $ = (id) => document.getElementById(id);
const STAGES = {
  connecting: "Abrindo…",
  waiting: "Leia o código com o celular.",
  claimed: "Código lido. Confirme no celular.",
  approved: "Aprovado no celular. Falta conferir.",
  associated: "Este computador está associado.",
  failed: "A associação não foi concluída.",
};
const TITLES = { associated: "Pronto", failed: "Não deu certo" };

let stage = "connecting";
let ended = false;

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function draw(rows) {
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  let d = "";
  rows.forEach((row, y) => {
    for (const run of row.matchAll(/1+/g)) d += `M${run.index} ${y}h${run[0].length}v1h-${run[0].length}z`;
  });
  path.setAttribute("d", d);
  $("qr").setAttribute("viewBox", `0 0 ${rows[0].length} ${rows.length}`);
  $("qr").replaceChildren(path);
}

// What to do next; commands in it look like what one types.
function advise(text) {
  const parts = text.split(/(linkid-desktop [a-z]+(?: --[a-z]+)*)/);
  $("advice").replaceChildren(...parts.map((part, n) => (n % 2 ? Object.assign(document.createElement("code"), { textContent: part }) : part)));
}

function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text; // a screen reader hears changes only
}

function show(state) {
  for (const id of ["computer", "app", "environment", "fingerprint"]) if (state[id]) say(id, state[id]);
  $("service").hidden = !state.app;
  for (const place of document.querySelectorAll(".phone")) place.textContent = state.phone || "";
  if (state.qr) draw(state.qr);
  say("code", state.code || "…");
  say("left", clock(state.left || 0));
  say("status", state.message || (state.offline ? "Sem resposta do serviço; tentando de novo…" : STAGES[state.stage]));
  say("wrong", state.tries_left ? `Código errado. Tentativas restantes: ${state.tries_left}.` : "");
  $("holders").replaceChildren(...(state.holders || []).map((holder) => Object.assign(document.createElement("li"), { textContent: holder })));
  $("check").querySelector("button").disabled = state.checking;
  advise(state.advice || "");
  if (state.stage !== stage) enter(state.stage);
}

function enter(next) {
  stage = next;
  document.body.dataset.stage = next;
  say("title", TITLES[next] || "Associar este computador");
  document.title = `${$("title").textContent} · Link ID`;
  if (next === "approved") $("digits").focus();
  if (next === "associated" || next === "failed") {
    ended = true;
    events.close();
    $("title").focus();
  }
}

const events = new EventSource("events");
events.onmessage = (event) => show(JSON.parse(event.data));
events.onerror = () => {
  if (ended) return;
  enter("gone"); // the QR on the screen is dead; if the program comes back, its next word shows the right stage again
  say("status", "O programa linkid-desktop não responde mais; veja o terminal.");
};

$("digits").addEventListener("input", () => {
  $("digits").value = $("digits").value.replace(/[^0-9]/g, "").slice(0, 3);
});
$("check").addEventListener("submit", async (event) => {
  event.preventDefault();
  const digits = $("digits").value;
  if (digits.length !== 3) {
    say("wrong", "São exatamente 3 números.");
    $("digits").focus();
    return;
  }
  say("wrong", "");
  $("check").querySelector("button").disabled = true;
  try {
    await fetch("check", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ code: digits }) });
  } finally {
    $("digits").value = "";
    $("digits").focus();
  }
});
