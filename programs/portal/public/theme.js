// Runs before the first paint, so that a chosen theme does not flash. The portal's policy allows no inline script.
try {
  const theme = localStorage.getItem("piccolo-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's preference is used.
}
