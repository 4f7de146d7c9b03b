// Keys of the pages about errors, and what the badges of a trace's rows lead to. Every button they press is in the page.
"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const typing = (target) => target.closest && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const ticks = () => all("#triage input[name=number]");
  const row = () => document.activeElement && document.activeElement.closest("tr[data-number]");
  const button = (action) => document.querySelector(`button[name=action][value="${action}"]`);

  // The inbox: how many are ticked.
  const told = () => {
    const label = document.querySelector("[data-ticked]");
    if (!label) return;
    const n = ticks().filter((tick) => tick.checked).length;
    label.textContent = n ? `${n} ticked:` : "Ticked:";
    for (const tick of ticks()) tick.closest("tr").classList.toggle("ticked", tick.checked);
  };

  // What is ticked, else the row one is on. False: there is neither.
  const chosen = () => {
    if (ticks().some((tick) => tick.checked)) return true;
    const here = row();
    if (!here) return false;
    here.querySelector("input[name=number]").checked = true;
    told();
    return true;
  };

  const inbox = (key) => {
    const here = row();
    if (key === "x" && here) {
      const tick = here.querySelector("input[name=number]");
      tick.checked = !tick.checked;
      told();
    } else if ((key === "o" || key === "Enter") && here) {
      location.href = here.querySelector("a[data-row]").href;
    } else if (key in PRESSED && chosen()) {
      button(PRESSED[key]).click();
    } else if (key in FOCUSED && chosen()) {
      const field = document.getElementById(FOCUSED[key]);
      field.focus();
      if (field.select) field.select();
    } else {
      return false;
    }
    return true;
  };
  const PRESSED = { e: "resolve", m: "mute", r: "reopen" };
  const FOCUSED = { s: "snooze-for", a: "who" };

  // A group's page.
  const page = (key) => {
    const menu = document.querySelector(`details[data-menu="${CSS.escape(key)}"]`);
    if (key in PRESSED && button(PRESSED[key])) {
      button(PRESSED[key]).click();
    } else if (key.length === 1 && menu) {
      menu.open = true;
      menu.querySelector(".panel :is(input:not([type=hidden]), button)").focus();
    } else {
      return false;
    }
    return true;
  };

  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const form = document.getElementById("triage");
    // In the fields of the bar, Enter presses the button beside them.
    if (form && event.key === "Enter" && ["who", "snooze-for"].includes(event.target.id)) {
      event.preventDefault();
      button(event.target.id === "who" ? "assign" : "snooze").click();
      return;
    }
    if (event.key === "Escape" && typing(event.target) && form && form.contains(event.target)) event.target.blur();
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (form ? inbox(event.key) : document.querySelector("[data-error]") && page(event.key)) event.preventDefault();
  });

  addEventListener("change", (event) => {
    if ("tickAll" in event.target.dataset) for (const tick of ticks()) tick.checked = event.target.checked;
    told();
  });

  // Rows of a trace that the browser draws have no links of their own to the errors of their span: their badge is one.
  addEventListener("click", (event) => {
    const badge = event.target.closest && event.target.closest(".w-row .badge.error");
    const pins = document.querySelector("#trace[data-pins]");
    if (!badge || !pins || badge.textContent !== "!") return;
    const link = badge.closest(".w-row").querySelector("a.w-link");
    const span = link && new URL(link.href).searchParams.get("span");
    const leads = span && new URLSearchParams(pins.dataset.pins).get(span.split(".")[0]);
    if (!leads) return;
    event.preventDefault();
    event.stopPropagation();
    location.href = leads;
  }, true);

  addEventListener("DOMContentLoaded", told);
  // Back from another page, boxes are as they were left.
  addEventListener("pageshow", told);
})();
