// Adds and removes rows of a form without a request. Where there is no row to copy, the button sends
// the form.
"use strict";
(() => {
  const own = (group, selector) => [...group.children].find((one) => one.matches(selector));

  const refresh = (group) => {
    const slots = own(group, "[data-slots]");
    own(group, "[data-add]").hidden = slots.children.length >= Number(slots.dataset.most);
  };

  const add = (button) => {
    const group = button.parentElement;
    const slots = own(group, "[data-slots]");
    const template = own(group, "template");
    if (!template) {
      return false;
    }
    const token = template.dataset.token;
    const copy = document.createElement("template");
    copy.innerHTML = template.innerHTML
      .replaceAll(token, slots.dataset.next)
      .replaceAll(token.replace("r", "n"), slots.children.length + 1);
    slots.dataset.next = Number(slots.dataset.next) + 1;
    slots.append(copy.content);
    refresh(group);
    slots.lastElementChild.querySelector("input:not([type=hidden]), select, textarea, [data-add]")?.focus();
    return true;
  };

  const remove = (button) => {
    const row = button.closest("[data-row]");
    const group = row.closest("[data-slots]").parentElement;
    row.remove();
    refresh(group);
    own(group, "[data-add]").focus();
    return true;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-form] [data-add], [data-form] [data-remove]");
    if (button && (button.matches("[data-add]") ? add(button) : remove(button))) {
      event.preventDefault();
    }
  });
})();
