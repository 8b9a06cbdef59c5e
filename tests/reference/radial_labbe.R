# Radial (Galbraith) and L'Abbe plots of metafor for the BCG trials: the coordinates that its functions return.
# Rscript radial_labbe.R > radial_labbe.json
suppressMessages(library(metafor))
library(jsonlite)
grDevices::pdf(NULL)
bcg <- dat.bcg
figures <- list(metafor = as.character(packageVersion("metafor")), R = R.version.string)
for (method in c("REML", "EE")) {
  fit <- rma(measure = "RR", ai = bcg$tpos, bi = bcg$tneg, ci = bcg$cpos, di = bcg$cneg, method = method)
  drawn <- radial(fit)
  figures[[paste0("radial_", method)]] <- list(x = drawn$x, y = drawn$y, mu = c(fit$beta), tau2 = fit$tau2)
}
for (measure in c("RR", "OR")) {
  fit <- rma(measure = measure, ai = bcg$tpos, bi = bcg$tneg, ci = bcg$cpos, di = bcg$cneg, method = "EE")
  drawn <- labbe(fit, transf = if (measure == "RR") exp else plogis)
  figures[[paste0("labbe_", measure)]] <- list(x = drawn$x, y = drawn$y, mu = c(fit$beta))
}
cat(toJSON(figures, digits = NA, auto_unbox = TRUE, pretty = TRUE), "\n")
