"use strict";
// Tables and printed commands that do not fit say that they scroll.
addEventListener("DOMContentLoaded", () => {
  const parts = document.querySelectorAll(".table-wrapper, article .highlight, .cell-output");
  const mark = () => {
    for (const part of parts) {
      const inner = part.querySelector("pre") || part;
      part.classList.toggle("scrolls", inner.scrollWidth > inner.clientWidth + 1);
    }
  };
  const sized = new ResizeObserver(mark);
  for (const part of parts) sized.observe(part);
});
