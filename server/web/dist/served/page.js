import"./chunk-YDCJKEAE.js";
