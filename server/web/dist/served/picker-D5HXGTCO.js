import{h as a,i as b}from"./chunk-ZJRHB5WT.js";import"./chunk-CM2R5QRV.js";export{b as closePicker,a as openPicker};
