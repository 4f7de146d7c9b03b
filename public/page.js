// What pages want of a script: moments in the viewer's zone, the theme switch, copy buttons, keys, exact counts when the
// server sent the page before it had them. Every page works without it.
"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, inside = document) => inside.querySelectorAll(selector);

  // Moments: <time datetime data-form="clock|full|day">. The server writes UTC; this writes the viewer's zone, UTC on hover.
  const two = (n) => String(n).padStart(2, "0");
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const clock = (d) => `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  const day = (d) => `${MONTHS[d.getMonth()]} ${two(d.getDate())}`;
  const zone = (d) => {
    const minutes = -d.getTimezoneOffset();
    const abs = Math.abs(minutes);
    return `${minutes < 0 ? "-" : "+"}${two(Math.floor(abs / 60))}:${two(abs % 60)}`;
  };
  // The fraction is cut from the text: a Date has milliseconds only.
  const fraction = (text) => (text.match(/\.\d+/) || [""])[0].slice(0, 4).padEnd(4, "0").replace(/^0/, ".");
  const forms = {
    minute: (d) => `${two(d.getHours())}:${two(d.getMinutes())}`,
    clock: (d) => clock(d),
    day: (d) => `${day(d)} ${two(d.getHours())}:${two(d.getMinutes())}`,
    full: (d, text) => `${day(d)} ${clock(d)}${fraction(text)}`,
    second: (d) => `${day(d)} ${clock(d)}`,
  };
  const localTimes = (inside) => {
    for (const time of all("time[data-form]", inside)) {
      const text = time.getAttribute("datetime");
      const date = new Date(text);
      const form = forms[time.dataset.form];
      if (!form || Number.isNaN(date.getTime())) continue;
      time.textContent = form(date, text);
      time.title = `${text.replace("T", " ").replace("Z", " UTC")}\n${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(date)} ${zone(date)} (your zone)`;
    }
    for (const input of all("input[data-moment]", inside)) {
      const date = new Date(input.value);
      if (input.value && !Number.isNaN(date.getTime())) {
        input.value = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${clock(date)}${zone(date)}`;
      }
    }
  };

  // Theme: a cookie, so that the server paints the first frame right.
  const switchTheme = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    const theme = dark ? "light" : "dark";
    root.dataset.theme = theme;
    document.cookie = `theme=${theme};path=/;max-age=31536000;samesite=lax`;
    dispatchEvent(new CustomEvent("themechange"));
  };

  // Copy: <button data-copy="text"> or <button data-copy-from="id">; data-copy-link copies the address of the page.
  const copy = async (button) => {
    const { copy: text, copyFrom } = button.dataset;
    const from = copyFrom && document.getElementById(copyFrom);
    const value = "copyLink" in button.dataset ? frozen(button.dataset.copyLink) : from ? from.textContent : text;
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      // Clipboards need a secure page; over plain HTTP the old way still works.
      const area = document.body.appendChild(document.createElement("textarea"));
      area.value = value;
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    say("Copied");
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1200);
  };
  // A link to send: absolute, and with the moments the page shows in place of "last hour".
  const frozen = (path) => new URL(path || location.href, location.href).href;

  // Tells screen readers and eyes.
  const say = (text) => {
    const live = document.getElementById("say");
    if (!live) return;
    live.textContent = text;
    live.classList.add("shown");
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { live.classList.remove("shown"); live.textContent = ""; }, 1600);
  };

  // The second request: <main data-exact="url"> says some figures are lower bounds; the same page with patience has them.
  const countExactly = async () => {
    const page = document.querySelector("[data-exact]");
    if (!page) return;
    page.setAttribute("aria-busy", "true");
    // Who leaves the page ends this request, and with it the work for it.
    const answer = await fetch(page.dataset.exact, { headers: { accept: "text/html" } }).catch(() => null);
    page.removeAttribute("aria-busy");
    if (!answer || !answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of all("[data-later]")) {
      const now = fresh.querySelector(`[data-later="${old.dataset.later}"]`);
      if (!now) continue;
      now.remove();
      localTimes(now);
      old.replaceChildren(...now.childNodes);
    }
  };

  // Keys. Pages add their own rows to the sheet; the trace page has its own handlers.
  const typing = (target) => target.closest && target.closest("input, textarea, select, [contenteditable]");
  const sheet = () => document.getElementById("trace-keys") || document.getElementById("error-keys") || document.getElementById("keys");
  const rows = () => [...all("[data-row]")];
  const move = (step) => {
    const list = rows();
    if (!list.length) return false;
    const at = list.indexOf(document.activeElement);
    const next = list[Math.max(0, Math.min(list.length - 1, at < 0 ? (step > 0 ? 0 : list.length - 1) : at + step))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  };
  let leader = 0;
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "?" && sheet()) {
      event.preventDefault();
      sheet().open ? sheet().close() : sheet().showModal();
    } else if (event.key === "/") {
      const box = document.querySelector("[data-search]") || document.getElementById("find");
      if (box) {
        event.preventDefault();
        box.focus();
        box.select();
      }
    } else if (event.key === "g") {
      leader = Date.now();
    } else if (Date.now() - leader < 1200) {
      const link = document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`);
      leader = 0;
      // The second key of two is nobody else's.
      event.preventDefault();
      if (link) location.href = link.href;
    } else if (event.key === "j" || event.key === "k") {
      if (move(event.key === "j" ? 1 : -1)) event.preventDefault();
    } else if (event.key === "]" || event.key === "[") {
      const link = document.querySelector(event.key === "]" ? "a[rel=next]" : "a[rel=prev]");
      if (link) location.href = link.href;
    } else if (event.key === "t" && !document.querySelector("[data-own-keys]")) {
      switchTheme();
    }
  });

  addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button");
    // A menu made of <details> closes when something else is clicked.
    for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    if (!button) {
      if (event.target === sheet()) sheet().close();
      return;
    }
    if ("copy" in button.dataset || "copyFrom" in button.dataset || "copyLink" in button.dataset) copy(button);
    else if ("theme" in button.dataset) switchTheme();
    else if ("keys" in button.dataset) sheet()?.showModal();
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of all("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // An island put something new into the page.
  document.addEventListener("fresh", (event) => localTimes(event.target));

  root.classList.add("js");
  const start = () => {
    localTimes(document);
    countExactly();
  };
  document.readyState === "loading" ? addEventListener("DOMContentLoaded", start) : start();
})();
