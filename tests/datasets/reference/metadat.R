# Labels, effects and variances of three data sets as R's metadat and metafor give them, 17 digits.
# Run: Rscript metadat.R > metadat.csv   (made with R 4.2.2, metadat 1.2-0, metafor 3.8-1)
bcg <- metafor::escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = metadat::dat.bcg)
raudenbush <- metadat::dat.raudenbush1985
assink <- metadat::dat.assink2016
rows <- function(name, label, y, v, x, n) {
  cat(sprintf('%s,"%s",%.17g,%.17g,%g,%s\n', name, label, y, v, x, ifelse(is.na(n), "nan", n)), sep = "")
}
cat("dataset,study,y,v,moderator,n\n")
with(bcg, rows("bcg", paste(author, year), yi, vi, ablat, tpos + tneg + cpos + cneg))
with(raudenbush, rows("raudenbush1985", paste(study, author), yi, vi, weeks, n1i + n2i))
with(assink, rows("assink2016", paste("study", study), yi, vi, year, rep(NA, length(yi))))
