// Questions answer in the page: a click shows why an answer is right or wrong, a number is compared.
(function () {
  "use strict";

  function say(form, text) {
    form.querySelector(".said").textContent = text;
  }

  function choose(form, input) {
    for (const option of form.querySelectorAll(".option")) {
      const chosen = option.contains(input);
      option.classList.toggle("chosen", chosen);
      option.classList.toggle("is-right", chosen && "right" in input.dataset);
      option.querySelector(".why").hidden = !chosen;
    }
    form.dataset.answered = "right" in input.dataset ? "right" : "wrong";
    // For those who listen: the shown explanation is read aloud with the verdict.
    const shown = input.closest(".option").querySelector(".why");
    say(form, shown.textContent);
  }

  // "0.39", "0,39", "−1.5", "1/3" and "39 %" are all numbers to a reader.
  function parse(text) {
    const plain = text.trim().replace(/[−–]/g, "-").replace(",", ".").replace(/\s+/g, "");
    const found = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?:\/(\d+\.?\d*)|(%))?$/i.exec(plain);
    if (!found) return NaN;
    return Number(found[1]) / (found[2] ? Number(found[2]) : found[3] ? 100 : 1);
  }

  function predict(form) {
    const field = form.querySelector(".predict input");
    const value = parse(field.value);
    for (const why of form.querySelectorAll(".why")) why.hidden = true;
    const verdict = judge(form, field, value);
    form.dataset.answered = verdict;
    form.querySelector(".reveal").hidden = verdict === "right";
  }

  function judge(form, field, value) {
    if (Number.isNaN(value)) {
      say(form, "That is not a number. Write one such as 0.25.");
      field.setAttribute("aria-invalid", "true");
      return "unreadable";
    }
    field.removeAttribute("aria-invalid");
    const answer = Number(form.dataset.answer);
    const tolerance = Number(form.dataset.tolerance);
    if (Math.abs(value - answer) <= tolerance + 1e-9) {
      say(form, "✓ Right.");
      form.querySelector('[data-for="right"]').hidden = false;
      return "right";
    }
    for (const slip of form.querySelectorAll('[data-for="slip"]')) {
      if (Math.abs(value - Number(slip.dataset.value)) <= Math.max(tolerance, 1e-9)) {
        say(form, "");
        slip.hidden = false;
        return "wrong";
      }
    }
    say(form, `✗ Not quite: it is ${value < answer ? "more" : "less"} than ${field.value.trim()}.`);
    return "wrong";
  }

  function start() {
    for (const form of document.querySelectorAll("form.question")) {
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        if (form.querySelector(".predict")) predict(form);
      });
      form.addEventListener("change", (event) => {
        if (event.target.type === "radio") choose(form, event.target);
      });
      const reveal = form.querySelector(".reveal");
      if (reveal) {
        reveal.addEventListener("click", () => {
          for (const why of form.querySelectorAll(".why")) why.hidden = true;
          form.querySelector('[data-for="right"]').hidden = false;
          say(form, "");
          reveal.hidden = true;
        });
      }
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
