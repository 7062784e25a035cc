// Follows the learner's own functions: the server says how they stand, this shows it.
(function () {
  "use strict";

  const root = new URL("..", document.currentScript.src);

  function showState(box, one) {
    const state = box.querySelector(".state");
    box.dataset.status = one.status;
    state.hidden = false;
    state.replaceChildren();
    const word = document.createElement("strong");
    word.textContent = `${one.sign} ${one.word}`;
    state.append(word, ` ${one.points} of ${one.max_points} points.`);
    if (one.message) {
      const message = document.createElement("span");
      message.className = "message";
      message.textContent = one.message;
      state.append(message);
    }
  }

  function showChapter(id, chapter) {
    for (const [name, one] of Object.entries(chapter.functions)) {
      const box = document.getElementById(`exercise-${name}`);
      if (box) showState(box, one);
    }
    const item = document.querySelector(`[data-chapter="${id}"]`);
    if (item) {
      const bar = item.querySelector("progress");
      bar.hidden = false;
      bar.value = chapter.score;
      item.querySelector(".points").textContent =
        `${chapter.score} of ${chapter.max_score} points`;
    }
  }

  function showNext(text) {
    const place = document.querySelector(".next-step");
    if (place) {
      place.hidden = false;
      place.textContent = text;
    }
  }

  async function showFigure(name, drawn) {
    const figure = window.assayFigures && window.assayFigures.get(name);
    if (!figure) return;
    await figure.overlay(drawn.rows);
    const line = figure.element.querySelector(".overlay");
    if (line) {
      line.hidden = false;
      line.textContent = drawn.message;
    }
    figure.element.dataset.overlay = drawn.state;
  }

  function banner(text) {
    let place = document.querySelector(".live-banner");
    if (!place) {
      place = document.createElement("p");
      place.className = "live-banner";
      place.setAttribute("role", "status");
      (document.querySelector("article") || document.body).prepend(place);
    }
    place.textContent = text;
    place.hidden = !text;
  }

  // The page says which chapter it shows by its address alone; the server is only listened to.
  const events = new EventSource(new URL("live/events", root));
  events.addEventListener("open", () => banner(""));
  events.addEventListener("error", () => {
    banner("The live book has stopped. Start it again: assay book --live");
  });
  events.addEventListener("chapter", (event) => {
    const chapter = JSON.parse(event.data);
    showChapter(chapter.id, chapter);
  });
  events.addEventListener("next", (event) => showNext(JSON.parse(event.data).text));
  events.addEventListener("figure", (event) => {
    const drawn = JSON.parse(event.data);
    if (root.pathname + drawn.chapter + "/index.html" === location.pathname) {
      showFigure(drawn.name, drawn);
    }
  });
})();
