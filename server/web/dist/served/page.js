import"./chunk-5IWTSTRF.js";
