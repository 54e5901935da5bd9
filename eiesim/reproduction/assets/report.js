"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent), drawn = new Map();
  document.getElementById("theme").addEventListener("click", eiesimTheme.toggle);
  eiesimTheme.onChange(() => { for (const plots of drawn.values()) plots.forEach(eiesimTheme.dress); });

  // Contents: where the reader is.
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const sections = [...document.querySelectorAll("main section")];
  let here = null;
  function mark() {
    const at = sections.filter((section) => section.getBoundingClientRect().top < innerHeight / 3).pop() || sections[0];
    const link = links.get(at.id);
    if (link === here || !link) return;
    if (here) here.classList.remove("here");
    (here = link).classList.add("here");
    const nav = link.parentElement;
    nav.scrollTo({ left: link.offsetLeft - nav.clientWidth / 3, top: link.offsetTop - nav.clientHeight / 2 });
  }
  addEventListener("scroll", () => requestAnimationFrame(mark), { passive: true });
  addEventListener("resize", mark);
  mark();

  // Tables that do not fit say that they scroll.
  const tables = document.querySelectorAll(".scroll");
  const sized = new ResizeObserver(() => { for (const one of tables) one.classList.toggle("wide", one.scrollWidth > one.clientWidth + 1); });
  for (const one of tables) sized.observe(one);

  // Figures: each is drawn when it comes near.
  async function draw(picture) {
    const name = picture.dataset.name;
    if (drawn.has(name)) return;
    drawn.set(name, []);
    const plots = await eiesimLive.show(figures[name], picture.querySelector(".live"));
    drawn.set(name, plots);
    for (const button of picture.querySelectorAll(".legend button")) button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", shown);
      eiesimLive.toggle(plots, button.dataset.series, shown);
    });
    picture.dataset.drawn = "";
  }
  if (!window.Bokeh) return;
  document.documentElement.classList.add("lively");
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "600px" });
  for (const picture of document.querySelectorAll(".picture[data-name]")) near.observe(picture);
})();
