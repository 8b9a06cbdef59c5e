# Effect sizes by metafor's escalc, and what its transf.* functions give: Rscript escalc_metafor.R writes
# escalc_metafor.json. Made with metafor 3.8-1. From 4.0 on ZPCOR has another variance, from 4.4 on mi counts all
# predictors, from 4.6 on the variances of SMDH, SMD1H and SMCRH differ, from 5.0 on ROM, ROMC and CVR are corrected.
suppressMessages({library(metafor); library(jsonlite)})
set.seed(1)
k <- 12
random <- function(...) sample(..., replace = TRUE)

# --- statistics: ordinary ones, and odd ones (tiny and huge samples, empty cells, ratios near their limits) ---
g <- list(n1=sample(5:80,k), n2=sample(5:80,k), m1=round(runif(k,8,14),2), m2=round(runif(k,8,14),2),
          sd1=round(runif(k,1,4),2), sd2=round(runif(k,1,4),2))
go <- list(n1=c(2,2,3,4,5000,2,40,40,12,7), n2=c(2,3,2,4,4000,900,40,40,11,3), m1=c(3,1,10,.5,100.01,-4,-8,5,1e5,.001),
           m2=c(1,9,2,.5,100,-6,-2,-5,1.1e5,.004), sd1=c(1,.1,4,.5,15,2,3,2,2e4,.002), sd2=c(1,5,4,.5,15,9,.03,2,1e4,.001))
t2 <- list(a=c(sample(1:40,k-2),0,5), b=c(sample(10:60,k-2),12,0), c=c(sample(1:40,k-2),3,9), d=c(sample(10:60,k-2),14,0))
to <- list(a=c(0,0,10,10,1,500,0,1,3,20000,7,0), b=c(10,10,0,0,1,0,9,2,997,80000,1,1),
           c=c(0,5,12,3,1,0,1,1,30,25000,0,1), d=c(12,3,0,9,1,500,0,1,970,70000,9,0))
rt <- list(x1=c(sample(1:40,k-2),0,0), x2=c(sample(1:40,k-2),4,0), t1=round(runif(k,20,300),1), t2=round(runif(k,20,300),1))
ro <- list(x1=c(0,1,0,5000,3,1), x2=c(0,0,9,1,3,2), t1=c(.5,1e5,10,1e6,1,.01), t2=c(2,1e5,1e-2,10,1,.02))
pr <- list(x=c(sample(1:30,k-2),0,40), n=c(sample(31:90,k-2),20,40))
po <- list(x=c(0,1,0,1,1,3,99999,50000,1), n=c(1,1,5000,2,5000,4,1e5,1e5,3))
co <- list(r=round(runif(k,-.9,.9),3), n=sample(8:150,k), t=round(rnorm(k,0,2),2), mi=random(1:4,k), r2=round(runif(k,.5,.8),3))
cx <- list(r=c(0,.999999,-.99,.5,.5,-.2,.97,-.0001), n=c(4,5,4,5,10000,80,81,200), t=c(0,.1,-.4,1,9,-2.5,4,40),
           mi=c(1,1,1,2,30,5,9,1), r2=c(.1,.2,.3,.9,.2,.3,.9,.99))
al <- list(alpha=round(runif(k,.4,.95),3), items=sample(3:20,k), n=g$n1+3)
ao <- list(alpha=c(0,-.6,.9999,.5,.77), items=c(2,3,2,500,40), n=c(4,3,5000,3,12))
pp <- list(m1=g$m1, m2=g$m2, sd1=g$sd1, sd2=g$sd2, n=g$n1, r=round(runif(k,.1,.9),2))
px <- list(m1=c(3,1,-4,100,5,1e3), m2=c(1,9,-6,99,5,2e3), sd1=c(1,.1,2,15,1,5), sd2=c(1,5,9,3,1,500), n=c(2,3,4,9000,30,8), r=c(0,.999,-.9,.5,.2,-.3))
ma <- list(a=c(20,12,5), b=c(30,18,5), c=c(25,9,6), d=c(25,21,4), r=c(.3,.5,0))
ge <- list(a=c(12,40,0,5,300), b=c(30,9,7,0,500), c=c(20,11,4,3,240))
tables <- list(groups=g, groups_odd=go, tables=t2, tables_odd=to, rates=rt, rates_odd=ro, props=pr, props_odd=po,
               cors=co, cors_odd=cx, alphas=al, alphas_odd=ao, paired=pp, paired_odd=px, genotypes=ge, margins=ma)

cases <- list()
case <- function(measure, table, escalc_arguments, ...) {
  options <- list(...)
  result <- tryCatch(suppressWarnings(do.call(escalc, c(list(measure=measure), escalc_arguments, options))),
                     error=function(e) { message(measure, " ", table, ": ", conditionMessage(e)); NULL })
  if (!is.null(result)) cases[[length(cases)+1]] <<- c(list(measure=measure, table=table), options,
                                                      list(y=as.numeric(result$yi), v=as.numeric(result$vi)))
}

# --- two groups ---
for (name in c("groups","groups_odd")) { s <- tables[[name]]
  arguments <- list(n1i=s$n1, n2i=s$n2, m1i=s$m1, m2i=s$m2, sd1i=s$sd1, sd2i=s$sd2)
  for (m in c("MD","SMD","SMDH","SMD1","SMD1H","ROM","VR","CVR","RPB","RBIS","D2ORN","D2ORL")) {
    types <- switch(m, MD=c("LS","HO"), SMD=c("LS","LS2","UB","AV"), SMD1=c("LS","LS2","UB","AV"),
                    ROM=c("LS","HO","AV","AVHO"), RPB=c("ST","CS"), "LS")
    for (v in types) case(m, name, arguments, vtype=v)
  }
}
# --- two-by-two tables ---
for (name in c("tables","tables_odd")) { s <- tables[[name]]
  arguments <- list(ai=s$a, bi=s$b, ci=s$c, di=s$d)
  for (m in c("OR","RR","RD","AS","PETO","PHI","YUQ","YUY","RTET","PBIT","OR2DL","OR2DN"))
    for (v in switch(m, PHI=c("ST","CS"), RD=c("LS","UB","AV"), "LS"))
      for (where in c("only0","all","if0all","none")) for (add in c(.5,.1)) for (drop in c(FALSE,TRUE))
        if ((where != "none" || add == .5) && (!drop || add == .5) && (m != "RTET" || name == "tables"))
          case(m, name, arguments, vtype=v, to=where, add=add, drop00=drop)
  for (m in c("MPRR","MPOR","MPRD","MPORC","MPPETO")) for (where in c("only0","all","if0all","none"))
    case(m, name, arguments, to=where, add=.5)
}
case("MPORM", "margins", list(ai=ma$a, bi=ma$b, ci=ma$c, di=ma$d, ri=ma$r))
# --- rates, proportions ---
for (name in c("rates","rates_odd")) { s <- tables[[name]]
  for (where in c("only0","all","if0all","none")) for (add in c(.5,.1)) for (drop in c(FALSE,TRUE)) if (!drop || add == .5)
    for (m in c("IRR","IRD","IRSD")) case(m, name, list(x1i=s$x1, x2i=s$x2, t1i=s$t1, t2i=s$t2), to=where, add=add, drop00=drop)
  for (where in c("only0","all","if0all","none")) for (add in c(.5,.1))
    for (m in c("IR","IRLN","IRS","IRFT")) case(m, name, list(xi=s$x1, ti=s$t1), to=where, add=add)
}
for (name in c("props","props_odd")) { s <- tables[[name]]
  for (where in c("only0","all","if0all","none")) for (add in c(.5,.1))
    for (m in c("PR","PLN","PLO","PAS","PFT")) case(m, name, list(xi=s$x, ni=s$n), to=where, add=add)
}
# --- correlations ---
for (name in c("cors","cors_odd")) { s <- tables[[name]]
  for (m in c("COR","UCOR","ZCOR")) for (v in switch(m, COR=c("LS","AV"), UCOR=c("LS","UB","AV"), "LS"))
    case(m, name, list(ri=s$r, ni=s$n), vtype=v)
}
case("COR", "cors", list(ri=co$r, ni=co$n), vtype="UB")
for (m in c("PCOR","ZPCOR","SPCOR")) case(m, "cors", list(ti=co$t, ni=co$n, mi=co$mi, r2i=co$r2))
# --- single groups, change, reliability, genotypes ---
for (name in c("groups","groups_odd")) { s <- tables[[name]]
  for (m in c("MN","MNLN","CVLN","SDLN")) case(m, name, list(mi=abs(s$m1), sdi=s$sd1, ni=s$n1))
  case("SMN", name, list(mi=s$m1, sdi=s$sd1, ni=s$n1))
}
for (name in c("paired","paired_odd")) { s <- tables[[name]]
  for (m in c("MC","SMCC","SMCR","SMCRH","ROMC","CVRC","VRC")) for (v in switch(m, SMCC=c("LS","LS2","UB"), SMCR=c("LS","LS2","UB"), "LS"))
    case(m, name, list(m1i=s$m1, m2i=s$m2, sd1i=s$sd1, sd2i=s$sd2, ri=s$r, ni=s$n), vtype=v)
}
for (name in c("alphas","alphas_odd")) { s <- tables[[name]]
  for (m in c("ARAW","AHW","ABT")) case(m, name, list(ai=s$alpha, mi=s$items, ni=s$n))
}
case("REH", "genotypes", list(ai=ge$a, bi=ge$b, ci=ge$c))

# --- transformations ---
x <- c(-3,-1.2,-.4,-.01,0,.2,.75,1.5,4); p <- c(.001,.05,.3,.5,.77,.999); r <- c(-.99,-.3,0,.45,.9)
transf <- list(
  values=list(x=x, p=p, r=r, alpha=c(-.5,0,.4,.9,.99), n1=30, n2=45, pc=.2, n=50, sd=12.5),
  ztor=transf.ztor(x), rtoz=transf.rtoz(r), logit=transf.logit(p), ilogit=transf.ilogit(x), arcsin=transf.arcsin(p),
  iarcsin=transf.iarcsin(transf.arcsin(p)), abt=transf.abt(c(-.5,0,.4,.9,.99)), ahw=transf.ahw(c(-.5,0,.4,.9,.99)),
  iabt=transf.iabt(x), iahw=transf.iahw(c(-.1,0,.2,.6,.9)), dtocles=transf.dtocles(x), dtobesd=transf.dtobesd(x),
  dtou1=transf.dtou1(x), dtou2=transf.dtou2(x), dtou3=transf.dtou3(x), dtorpb=transf.dtorpb(x),
  dtorpb_n=transf.dtorpb(x, n1i=rep(30,length(x)), n2i=rep(45,length(x))), logortord=transf.logortord(x, pc=rep(.2,length(x))), logortorr=transf.logortorr(x, pc=rep(.2,length(x))),
  pft=transf.pft(p, ni=rep(50,length(p))), ipft=transf.ipft(transf.pft(p, ni=rep(50,length(p))), ni=rep(50,length(p))), dtomd=transf.dtomd(x, targs=list(sd=12.5)),
  exp_int=sapply(x, transf.exp.int, targs=list(tau2=.3)), ztor_int=sapply(x, transf.ztor.int, targs=list(tau2=.3)),
  ilogit_int=sapply(x, transf.ilogit.int, targs=list(tau2=.3)))
write_json(list(made_by=paste("metafor", packageVersion("metafor"), R.version.string), tables=tables, cases=cases, transf=transf),
           "escalc_metafor.json", digits=17, na="null", auto_unbox=TRUE)
cat(length(cases), "cases,", 2*sum(lengths(lapply(cases, `[[`, "y"))), "numbers\n")
