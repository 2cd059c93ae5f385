import"./chunk-CM2R5QRV.js";
