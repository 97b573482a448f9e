"use strict";
(() => {
  // Zoom and pan: a viewport that holds one picture.
  const LIMIT = 16;
  for (const figure of document.querySelectorAll("figure.zoom")) {
    const port = figure.querySelector(".viewport"), image = port.querySelector("img");
    const now = figure.querySelector("[data-zoom-now]");
    let scale = 1, left = 0, top = 0, held = null;
    const show = () => {
      const wide = port.clientWidth, high = image.offsetHeight;
      left = Math.min(0, Math.max(left, wide - wide * scale));
      top = Math.min(0, Math.max(top, high - high * scale));
      image.style.transform = scale === 1 ? "" : `translate(${left}px, ${top}px) scale(${scale})`;
      now.textContent = `${Math.round(scale * 100)} %`;
    };
    const zoom = (factor, x, y) => {
      const next = Math.min(LIMIT, Math.max(1, scale * factor));
      left = x - (x - left) * next / scale;
      top = y - (y - top) * next / scale;
      scale = next;
      show();
    };
    const middle = (factor) => zoom(factor, port.clientWidth / 2, image.offsetHeight / 2);
    const whole = () => { scale = 1; left = top = 0; show(); };
    const move = (x, y) => { left += x; top += y; show(); };
    const keys = {
      "+": () => middle(1.5), "=": () => middle(1.5), "-": () => middle(1 / 1.5), "0": whole,
      ArrowLeft: () => move(60, 0), ArrowRight: () => move(-60, 0), ArrowUp: () => move(0, 60), ArrowDown: () => move(0, -60),
    };
    port.tabIndex = 0;
    port.setAttribute("role", "group");
    port.setAttribute("aria-label", "Picture; plus and minus zoom, arrows move");
    port.classList.add("live");
    figure.querySelector(".controls").hidden = false;
    for (const button of figure.querySelectorAll("[data-zoom]"))
      button.addEventListener("click", { in: keys["+"], out: keys["-"], whole }[button.dataset.zoom]);
    port.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      if (event.key.startsWith("Arrow") && scale === 1) return;
      event.preventDefault();
      keys[event.key]();
    });
    port.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && scale === 1) return;
      event.preventDefault();
      const box = port.getBoundingClientRect();
      zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    port.addEventListener("dblclick", (event) => {
      const box = port.getBoundingClientRect();
      zoom(2, event.clientX - box.left, event.clientY - box.top);
    });
    port.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY]; port.setPointerCapture(event.pointerId); });
    port.addEventListener("pointermove", (event) => {
      if (!held) return;
      move(event.clientX - held[0], event.clientY - held[1]);
      held = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) port.addEventListener(end, () => { held = null; });
    window.addEventListener("resize", show);
  }

  // Tables that are sorted by a column; rows without a value go last either way.
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value !== undefined ? cell.dataset.value : cell.textContent.trim();
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    heads.forEach((head, column) => {
      if (!head.dataset.kind) return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const number = head.dataset.kind === "number", turn = down ? -1 : 1;
        const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
        rows.sort(([a], [b]) => {
          if (a === "" || b === "") return (a === "") - (b === "");
          return turn * (number ? Number(a) - Number(b) : a.localeCompare(b, undefined, { numeric: true }));
        });
        body.append(...rows.map(([, row]) => row));
      });
    });
  }

  // Filters of a table: words anywhere in a row, and choices by attribute of the row.
  for (const bar of document.querySelectorAll("[data-filters]")) {
    const table = document.getElementById(bar.dataset.filters), rows = [...table.tBodies[0].rows];
    const words = bar.querySelector("input[type=search]"), choices = [...bar.querySelectorAll("select")];
    const count = bar.querySelector("[data-count]");
    const filter = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const kept = wanted.every((word) => text.includes(word)) &&
          choices.every((choice) => !choice.value || (row.dataset[choice.name] || "").split("|").includes(choice.value));
        row.hidden = !kept;
        shown += kept;
      }
      count.textContent = `${shown} of ${rows.length} rows`;
    };
    bar.hidden = false;
    words.addEventListener("input", filter);
    for (const choice of choices) choice.addEventListener("change", filter);
    filter();
  }
})();
