import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    outDir: "build",
    // The device's policy allows images from data: addresses but nothing else, so small files stay files.
    assetsInlineLimit: 0,
    // One file: it comes from a device in the same house, which may be locked or restarted before a second one is asked
    // for.
    chunkSizeWarningLimit: 700,
    modulePreload: { polyfill: false },
    target: "es2023",
  },
  worker: { format: "es" },
});
