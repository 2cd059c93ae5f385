import{h as a,i as b}from"./chunk-SF4YHXI3.js";import"./chunk-IBOEPRZJ.js";export{b as closePicker,a as openPicker};
